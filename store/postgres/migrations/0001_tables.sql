-- The audit views of a Sallyport cluster. Everything here is folded from events and can be folded
-- anew; nothing here is the record. Columns are only ever added.

create table sallyport_audit.about (
    only_one boolean primary key default true check (only_one),
    cluster text not null
);

-- How far each chain is folded. A step takes rows and cursors in one transaction.
create table sallyport_audit.cursors (
    chain text collate "C" primary key,
    seq bigint not null,
    epoch bigint not null,
    hash text not null,
    at timestamptz not null,
    begins bigint not null,
    folded_at timestamptz not null default now()
);

-- How far each journal is read by the node that folds it.
create table sallyport_audit.sources (
    source text primary key,
    position bigint not null,
    last bigint not null,
    at timestamptz not null,
    looked_at timestamptz not null default now()
);

create table sallyport_audit.sessions (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    person text not null,
    groups text[] not null,
    target text not null,
    target_kind text not null,
    labels jsonb not null,
    login text not null,
    channel text not null,
    granted_by text not null,
    from_address text,
    connection bigint not null,
    policy_revision bigint,
    opened_at timestamptz not null,
    closed_at timestamptz,
    reason text,
    node text not null,
    epoch bigint not null,
    applied bigint not null,
    commands bigint not null,
    blocked bigint not null,
    held bigint not null,
    unfinished bigint not null,
    event text not null,
    primary key (chain, place)
);
create index on sallyport_audit.sessions (opened_at);
create index on sallyport_audit.sessions (target, opened_at);
create index on sallyport_audit.sessions (person, opened_at);

create table sallyport_audit.commands (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    session text not null,
    number bigint not null,
    person text not null,
    target text not null,
    login text not null,
    judged_at timestamptz not null,
    text text not null,
    cut boolean not null,
    verdict text not null,
    rules text[] not null,
    told_code text,
    told_text text,
    programs text[] not null,
    detected text[] not null,
    unreadable text,
    policy_revision bigint,
    durability text not null,
    approval bigint,
    released_at timestamptz,
    started_at timestamptz,
    finished_at timestamptz,
    outcome jsonb,
    duration_ms bigint,
    masked jsonb not null,
    input_bytes bigint not null,
    output_bytes bigint not null,
    errors_bytes bigint not null,
    truncated boolean not null,
    event text not null,
    primary key (chain, place)
);
create index on sallyport_audit.commands (judged_at);
create index on sallyport_audit.commands (target, judged_at);
create index on sallyport_audit.commands (session);

create table sallyport_audit.approvals (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    number bigint not null,
    person text not null,
    node text,
    session text,
    command bigint,
    target text,
    login text,
    text text,
    digest text,
    policy_document text,
    rules jsonb not null,
    for_ms bigint,
    requested_at timestamptz not null,
    expires_at timestamptz not null,
    status text not null,
    rulings jsonb not null,
    approved_by text[] not null,
    denied_by text[] not null,
    ended_at timestamptz,
    ended_by text,
    ended_because text,
    consumed_at timestamptz,
    consumed_by_session text,
    consumed_by_command bigint,
    holds_until timestamptz,
    event text not null,
    primary key (chain, place)
);
create index on sallyport_audit.approvals (number);
create index on sallyport_audit.approvals (requested_at);

create table sallyport_audit.logins (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    at timestamptz not null,
    kind text not null,
    node text not null,
    person text,
    claimed text,
    method text,
    service text,
    from_address text,
    credential text,
    connection bigint,
    asked text,
    told_code text,
    reason text,
    primary key (chain, place)
);
create index on sallyport_audit.logins (at);

create table sallyport_audit.policy_changes (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    at timestamptz not null,
    kind text not null,
    revision bigint,
    digest text,
    names_set text[] not null,
    names_removed text[] not null,
    changed_by text,
    approval bigint,
    lock_number bigint,
    lock_scope text,
    lock_until timestamptz,
    reason text,
    primary key (chain, place)
);
create index on sallyport_audit.policy_changes (at);

create table sallyport_audit.findings (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    session text not null,
    command bigint not null,
    person text not null,
    target text not null,
    found_in text not null,
    detector text not null,
    rule text,
    action text,
    count bigint not null,
    first_at timestamptz not null,
    last_at timestamptz not null,
    primary key (chain, place)
);
create index on sallyport_audit.findings (target, detector);

create table sallyport_audit.nodes (
    chain text collate "C" not null,
    place text collate "C" not null,
    id text not null,
    node text not null,
    epoch bigint not null,
    address text,
    raft_id bigint,
    joined_at timestamptz,
    left_at timestamptz,
    left_reason text,
    left_by text,
    left_applied bigint,
    version text,
    durability text,
    started_at timestamptz,
    stopped_at timestamptz,
    stop_reason text,
    unfinished bigint not null,
    contact_losses bigint not null,
    contact_lost_at timestamptz,
    contact_regained_at timestamptz,
    primary key (chain, place)
);
create index on sallyport_audit.nodes (chain, node, epoch);
