//! Token counts where the far side gives none.

use mainstay_core::message::{Message, Usage};
use mainstay_core::provider::{ChatReply, ChatRequest};

/// One token for so many characters: a rule of thumb that is never far off for European languages.
const CHARS_PER_TOKEN: usize = 4;

/// What the far side reported, with our best count in the place of what it left out. A count of zero is none: no call
/// reads nothing, and budgets must not take a silent server for a free one.
pub(crate) fn complete(reported: Option<Usage>, request: &ChatRequest, reply: &ChatReply) -> Usage {
    let mut usage = reported.unwrap_or_default();
    if usage.input_tokens == 0 {
        usage = Usage {
            input_tokens: tokens(input_chars(request)),
            output_tokens: usage.output_tokens,
            ..Usage::default()
        };
    }
    let said = output_chars(reply);
    if usage.output_tokens == 0 && said > 0 {
        usage.output_tokens = tokens(said);
    }
    // Parts of a whole, whatever the far side says: prices would be applied twice otherwise.
    usage.cached_tokens = usage.cached_tokens.min(usage.input_tokens);
    usage.cache_write_tokens = usage.cache_write_tokens.min(usage.input_tokens - usage.cached_tokens);
    usage
}

fn tokens(chars: usize) -> u64 {
    u64::try_from(chars.div_ceil(CHARS_PER_TOKEN)).unwrap_or(u64::MAX)
}

fn input_chars(request: &ChatRequest) -> usize {
    let messages = request.messages.iter().map(|message| match message {
        Message::User(text) => text.chars().count(),
        Message::Assistant { text, calls } => {
            let calls = calls.iter().map(|call| call.name.chars().count() + call.arguments.to_string().chars().count());
            text.chars().count() + calls.sum::<usize>()
        }
        Message::Tool { content, .. } => content.chars().count(),
    });
    let tools = request.tools.iter().map(|tool| {
        tool.name.chars().count() + tool.description.chars().count() + tool.parameters.to_string().chars().count()
    });
    let output = request.output.as_ref().map_or(0, |output| output.schema.to_string().chars().count());
    request.instructions.chars().count() + messages.sum::<usize>() + tools.sum::<usize>() + output
}

fn output_chars(reply: &ChatReply) -> usize {
    let calls = reply.calls.iter().map(|call| call.name.chars().count() + call.arguments.to_string().chars().count());
    reply.text.chars().count() + calls.sum::<usize>()
}
