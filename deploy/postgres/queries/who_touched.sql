-- Who did what on a target since some time, and who approved it.
-- psql: \set target web-1  \set since '2026-11-22'
select
    c.judged_at, c.person, c.login, c.session, c.number, c.verdict, c.state, c.text,
    c.approval, a.approved_by
from sallyport_audit.commands_with_state c
left join sallyport_audit.approvals a on a.chain = 'control' and a.number = c.approval
where c.target = :'target' and c.judged_at >= :'since'
order by c.judged_at, c.session, c.number;
