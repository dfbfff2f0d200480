-- What the API needs: what came with a request, who cancelled it, what a person made of a question, keys, requests that
-- are repeated, feedback, the audit trail. Runs of before came with nothing.
alter table runs add column context text not null default '{}';
alter table runs add column conversation text not null default '';
alter table runs add column cancelled_by text;

-- Ids sort by time, and every list of runs goes by them: an index each for what a list is usually of, workers included.
drop index runs_by_state;
drop index runs_by_time;
drop index runs_by_agent;
create index runs_of_state on runs (state, id);
create index runs_of_agent on runs (agent, id);
create index runs_of_tenant on runs (tenant, id);
-- Most runs are of no conversation and cost these two nothing: one for a whole conversation, one for somebody's turns in it.
create index runs_of_conversation on runs (tenant, conversation, id) where conversation <> '';
create index turns_of_principal on runs (tenant, agent, principal, conversation, id) where conversation <> '';

-- The arguments as the person changed them, and the answer that they gave in the agent's place.
alter table approvals add column edited text;
alter table approvals add column answer text;

drop index approvals_by_time;
create index approvals_of_tenant on approvals (tenant, id);
create index approvals_waiting on approvals (id) where decision is null;
create index approvals_waiting_of_tenant on approvals (tenant, id) where decision is null;

create table keys (
    id                  text   not null primary key,
    name                text   not null unique,
    hash                bytea   not null,
    roles               text   not null,
    tenant              text,
    agents              text   not null,
    requests_per_minute bigint,
    usd_per_day         bigint,
    created_at          bigint not null,
    revoked_at          bigint
);

-- Requests with an idempotency key. Without a status there is no answer yet.
create table requests (
    scope   text   not null,
    key     text   not null,
    hash    text   not null,
    subject text   not null,
    at      bigint not null,
    status  bigint,
    body    text,
    primary key (scope, key)
);

create index requests_by_time on requests (at);

create table feedback (
    id         text   not null primary key,
    run        text   not null references runs (id),
    said_by    text   not null,
    rating     bigint,
    correction text   not null,
    reason     text   not null,
    at         bigint not null
);

create index feedback_of_run on feedback (run, at, id);

create table audit (
    id      text   not null primary key,
    at      bigint not null,
    actor   text   not null,
    tenant  text   not null,
    action  text   not null,
    subject text   not null,
    allowed bigint not null,
    detail  text   not null
);

create index audit_of_tenant on audit (tenant, id);
create index audit_of_action on audit (action, id);
