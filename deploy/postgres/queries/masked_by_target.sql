-- Every kind of secret or personal data that was masked, by target.
select
    f.target, f.detector, sum(f.count) as places, count(distinct (f.session, f.command)) as commands,
    count(distinct f.person) as people, max(f.last_at) as last
from sallyport_audit.findings f
where f.found_in = 'output'
group by f.target, f.detector
order by f.target, places desc, f.detector;
