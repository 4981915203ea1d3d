-- Sessions that go on, that were lost, and that ended while the outcome of a command is unknown.
select s.id, s.state, s.person, s.target, s.node, s.opened_at, s.ended_at, s.unfinished
from sallyport_audit.sessions_with_state s
where s.state <> 'closed'
order by s.opened_at, s.id;
