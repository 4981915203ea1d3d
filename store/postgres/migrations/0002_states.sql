-- Where sessions and commands stand follows from what several tables say. What is new stands in
-- front, so that columns that are added to the tables come last and change nothing.

create view sallyport_audit.sessions_with_state as
select
    case
        when s.closed_at is not null and s.unfinished > 0 then 'outcome unknown'
        when s.closed_at is not null then 'closed'
        when own.stopped_at is not null or later.started_at is not null
            or member.left_applied > s.applied then 'lost'
        else 'open'
    end as state,
    case
        when s.closed_at is not null then s.closed_at
        when own.stopped_at is not null then own.stopped_at
        when later.started_at is not null then later.started_at
        when member.left_applied > s.applied then member.left_at
    end as ended_at,
    s.*
from sallyport_audit.sessions s
left join sallyport_audit.nodes own
    on own.chain = s.chain and own.node = s.node and own.epoch = s.epoch
left join lateral (
    select n.started_at
    from sallyport_audit.nodes n
    where n.chain = s.chain and n.node = s.node and n.epoch > s.epoch
    order by n.epoch
    limit 1
) later on true
left join sallyport_audit.nodes member
    on member.chain = 'control' and member.node = s.node and member.epoch = 0;

create view sallyport_audit.commands_with_state as
select
    case
        when c.outcome ? 'refused' then 'refused'
        when c.outcome is not null then 'finished'
        when c.verdict = 'block' then 'refused'
        when s.state = 'open' and c.started_at is not null then 'running'
        when s.state = 'open' then 'judged'
        when c.verdict = 'allow' or c.approval is not null then 'outcome unknown'
        else 'refused'
    end as state,
    c.*
from sallyport_audit.commands c
join sallyport_audit.sessions_with_state s on s.chain = c.chain and s.id = c.session;

create index on sallyport_audit.sessions (chain, id);

-- Up to when each chain is in the views, and how long ago that is. While a node's journal is read
-- to its end, that is when it was last looked at; else it is the newest event that was folded.
create function sallyport_audit.as_of()
returns table (chain text, seq bigint, as_of timestamptz, lag interval)
language sql stable
set search_path = pg_catalog
as $$
    with reached as (
        select c.chain, c.seq, coalesce(
            (
                select max(s.looked_at)
                from sallyport_audit.sources s
                where s.position >= s.last
                    and (c.chain = 'control' or s.source = 'journal of ' || c.chain)
            ),
            c.at
        ) as as_of
        from sallyport_audit.cursors c
    )
    select r.chain, r.seq, r.as_of, now() - r.as_of from reached r order by r.chain
$$;
