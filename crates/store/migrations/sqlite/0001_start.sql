-- Everything that a run leaves behind. Times are milliseconds since the epoch, money is micro-dollars.
create table runs (
    id            text   not null primary key,
    agent         text   not null,
    version       text   not null,
    tenant        text   not null,
    principal     text   not null,
    input         text   not null,
    created_at    bigint not null,
    state         text   not null,
    ended_at      bigint,
    claimed_by    text   not null,
    claimed_until bigint not null,
    epoch         bigint not null,
    wake_at       bigint not null,
    failures      bigint not null,
    approval      text,
    cost          bigint not null
);

-- Workers look for open runs, oldest first.
create index runs_by_state on runs (state, created_at, id);
create index runs_by_time on runs (created_at, id);
create index runs_by_agent on runs (agent, created_at, id);

-- The payload is kept as the text that was hashed.
create table entries (
    run      text   not null references runs (id),
    position bigint not null,
    kind     text   not null,
    at       bigint not null,
    took_us  bigint not null,
    payload  text   not null,
    hash     blob   not null,
    primary key (run, position)
);

create table approvals (
    id              text   not null primary key,
    run             text   not null references runs (id),
    agent           text   not null,
    tenant          text   not null,
    principal       text   not null,
    tool            text   not null,
    arguments       text   not null,
    arguments_hash  text   not null,
    reason          text   not null,
    created_at      bigint not null,
    expires_at      bigint not null,
    decision        text,
    decided_by      text   not null,
    decision_reason text   not null,
    decided_at      bigint
);

create index approvals_pending on approvals (expires_at) where decision is null;
create index approvals_by_time on approvals (created_at, id);

create table effects (
    run             text   not null references runs (id),
    position        bigint not null,
    agent           text   not null,
    tool            text   not null,
    arguments       text   not null,
    arguments_hash  text   not null,
    idempotency_key text   not null,
    authority       text   not null,
    state           text   not null,
    evidence        text   not null,
    at              bigint not null,
    primary key (run, position)
);

create index effects_by_time on effects (at, run, position);

-- What a scope has spent and reserved on a day.
create table spend (
    scope     text   not null,
    day       bigint not null,
    micro_usd bigint not null,
    primary key (scope, day)
);

-- What of it is only reserved. A run reserves before it has written anything, so nothing is referenced.
create table reservations (
    run       text   not null,
    position  bigint not null,
    scope     text   not null,
    day       bigint not null,
    micro_usd bigint not null,
    primary key (run, position, scope)
);

create table cache (
    key     text   not null primary key,
    answer  text   not null,
    expires bigint not null
);

create index cache_by_expiry on cache (expires);
