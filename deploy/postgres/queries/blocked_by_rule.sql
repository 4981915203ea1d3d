-- All blocked commands, by the rule that decided.
select
    coalesce(c.rules[1], 'no rule') as rule, count(*) as commands,
    count(distinct c.person) as people, min(c.judged_at) as first, max(c.judged_at) as last
from sallyport_audit.commands c
where c.verdict = 'block'
group by 1
order by commands desc, rule;
