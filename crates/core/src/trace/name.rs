//! Every attribute name that leaves the product: `gen_ai.*` as in the OpenTelemetry GenAI conventions v1.41,
//! `mainstay.*` for what they have no word for.

/// The version of the conventions that the names are of.
pub const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.41.0";

/// What is done, in the convention's words: `invoke_agent`, `chat`, `execute_tool`, `retrieval`.
pub const OPERATION: &str = "gen_ai.operation.name";
/// The agent's name.
pub const AGENT: &str = "gen_ai.agent.name";
/// The agent's version.
pub const AGENT_VERSION: &str = "gen_ai.agent.version";
/// The application's name of the conversation.
pub const CONVERSATION: &str = "gen_ai.conversation.id";
/// The principal.
pub const USER: &str = "user.id";
/// Who serves the model.
pub const PROVIDER: &str = "gen_ai.provider.name";
/// The model by its configured name.
pub const REQUEST_MODEL: &str = "gen_ai.request.model";
/// The model as its provider names it.
pub const RESPONSE_MODEL: &str = "gen_ai.response.model";
/// The provider's id of a reply.
pub const RESPONSE_ID: &str = "gen_ai.response.id";
/// Why the model stopped; a list of one.
pub const FINISH_REASONS: &str = "gen_ai.response.finish_reasons";
/// All input tokens.
pub const INPUT_TOKENS: &str = "gen_ai.usage.input_tokens";
/// Of these, read from the provider's cache.
pub const CACHE_READ_TOKENS: &str = "gen_ai.usage.cache_read.input_tokens";
/// Of these, written to the provider's cache.
pub const CACHE_WRITE_TOKENS: &str = "gen_ai.usage.cache_creation.input_tokens";
/// All output tokens.
pub const OUTPUT_TOKENS: &str = "gen_ai.usage.output_tokens";
/// What went in: `[{role, parts}]`. Content. A model call holds the messages that are new since the call before.
pub const INPUT_MESSAGES: &str = "gen_ai.input.messages";
/// What came out: `[{role, parts, finish_reason}]`. Content.
pub const OUTPUT_MESSAGES: &str = "gen_ai.output.messages";
/// The tool.
pub const TOOL: &str = "gen_ai.tool.name";
/// `function` or `datastore`.
pub const TOOL_TYPE: &str = "gen_ai.tool.type";
/// The provider's id of the call.
pub const TOOL_CALL: &str = "gen_ai.tool.call.id";
/// What the tool is given; of an approval or an effect the real values. Content.
pub const TOOL_ARGUMENTS: &str = "gen_ai.tool.call.arguments";
/// What the tool gave back. Content.
pub const TOOL_RESULT: &str = "gen_ai.tool.call.result";
/// What was searched.
pub const DATA_SOURCE: &str = "gen_ai.data_source.id";
/// What was searched for. Content.
pub const RETRIEVAL_QUERY: &str = "gen_ai.retrieval.query.text";
/// What was found: `[{id, content}]`. Content.
pub const RETRIEVAL_DOCUMENTS: &str = "gen_ai.retrieval.documents";
/// What kind of failure it was.
pub const ERROR_TYPE: &str = "error.type";

/// The run.
pub const RUN: &str = "mainstay.run.id";
/// Where the run stands, or how it ended.
pub const RUN_STATE: &str = "mainstay.run.state";
/// On whose behalf data is kept apart.
pub const TENANT: &str = "mainstay.tenant";
/// Millionths of a dollar.
pub const COST: &str = "mainstay.cost.micro_usd";
/// The application's notes, by name.
pub const METADATA_PREFIX: &str = "mainstay.metadata.";
/// An error code with a page.
pub const CODE: &str = "mainstay.code";
/// Why, in words; may quote what was judged. Content.
pub const REASON: &str = "mainstay.decision.reason";
/// The screened request. Content.
pub const INPUT: &str = "mainstay.input";
/// `model`, `cache` or `person`.
pub const ORIGIN: &str = "mainstay.reply.origin";
/// Who gets an escalated run.
pub const ESCALATED_TO: &str = "mainstay.reply.escalated_to";
/// Whether the response cache had an answer.
pub const CACHE_HIT: &str = "mainstay.cache.hit";
/// `simple`, `medium` or `complex`.
pub const ROUTE_TIER: &str = "mainstay.route.tier";
/// The models to try, in order.
pub const ROUTE_MODELS: &str = "mainstay.route.models";
/// The model of a try that failed.
pub const TRIED_MODEL: &str = "mainstay.try.model";
/// The tool of a decision; in a policy's span as the model wrote it.
pub const JUDGED_TOOL: &str = "mainstay.tool.name";
/// `read`, `draft`, `idempotent` or `write`.
pub const TOOL_EFFECT: &str = "mainstay.tool.effect";
/// `call` or `fact`.
pub const TOOL_PURPOSE: &str = "mainstay.tool.purpose";
/// `done`, `failed`, `unknown` or `blocked`.
pub const TOOL_OUTCOME: &str = "mainstay.tool.outcome";
/// `allow`, `ask` or `deny`.
pub const RULING: &str = "mainstay.policy.ruling";
/// The approval.
pub const APPROVAL: &str = "mainstay.approval.id";
/// How it was decided.
pub const APPROVAL_DECISION: &str = "mainstay.approval.decision";
/// Who decided.
pub const APPROVAL_BY: &str = "mainstay.approval.by";
/// Milliseconds since the Unix epoch.
pub const APPROVAL_EXPIRES: &str = "mainstay.approval.expires_at";
/// Who allowed an effect: an approval's id or `policy`.
pub const EFFECT_AUTHORITY: &str = "mainstay.effect.authority";
/// The idempotency key that travels with the call.
pub const EFFECT_KEY: &str = "mainstay.effect.key";
/// How an unknown outcome was settled. Content.
pub const EFFECT_SETTLED: &str = "mainstay.effect.settled";
/// Ids of the documents that were found.
pub const DOCUMENTS: &str = "mainstay.retrieval.documents";
/// The guard.
pub const GUARD: &str = "mainstay.guard.name";
/// Where the text came from that it judged.
pub const GUARD_CHANNEL: &str = "mainstay.guard.channel";
/// `observe` or `enforce`.
pub const GUARD_MODE: &str = "mainstay.guard.mode";
/// `pass`, `mask`, `flag`, `escalate`, `block` or `error`.
pub const GUARD_VERDICT: &str = "mainstay.guard.verdict";
/// 0 to 1.
pub const CONFIDENCE: &str = "mainstay.answer.confidence";
/// Reasons of the business rules that fired, as config words them.
pub const RULES_FIRED: &str = "mainstay.rules.fired";

/// Names of attributes that hold what people, models, tools and documents said.
pub const CONTENT: &[&str] = &[
    INPUT_MESSAGES,
    OUTPUT_MESSAGES,
    TOOL_ARGUMENTS,
    TOOL_RESULT,
    RETRIEVAL_QUERY,
    RETRIEVAL_DOCUMENTS,
    REASON,
    INPUT,
    EFFECT_SETTLED,
];

/// Whether an attribute holds what people, models, tools or documents said. [`super::Span::error`] does too.
pub fn is_content(name: &str) -> bool {
    CONTENT.contains(&name)
}

/// Whether an attribute holds an id, a name or a note that somebody outside chose: no content, but nothing keeps an
/// e-mail address out of it. [`super::Span::name`] is such a text too, where a model made up the name of a tool.
pub fn is_from_outside(name: &str) -> bool {
    matches!(name, CONVERSATION | USER | TENANT | JUDGED_TOOL | TOOL_CALL | APPROVAL_BY | RESPONSE_ID)
        || name.starts_with(METADATA_PREFIX)
}
