/* auditoriums/lock_auditoriums
Locks rooms as lock_auditorium does, and returns the ids that exist. All callers lock in the order of the ids, so two
programmes that are written at once cannot deadlock.
Plan: index scan on auditoriums_pkey.
$1 bigint[] auditorium_ids: the rooms
Sample: select array_agg(id) from (select id from auditoriums order by id limit 16) as a
*/
select /* auditoriums/lock_auditoriums */ id
from auditoriums
where id = any($1)
order by id
for no key update;
