/* auditoriums/lock_auditoriums
Locks rooms as lock_auditorium does one, and answers those that there are. In the order of their ids, so that two
programmes that are written at once wait for each other in one direction only.
Plan: index scan on auditoriums_pkey.
$1 bigint[] auditorium_ids: which
Sample: select array_agg(id) from (select id from auditoriums order by id limit 16) as a
*/
select /* auditoriums/lock_auditoriums */ id
from auditoriums
where id = any($1)
order by id
for no key update;
