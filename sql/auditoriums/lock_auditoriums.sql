/* auditoriums/lock_auditoriums
Locks rooms against other writers of their seats and showtimes, and returns the ids that exist. Reads, and the foreign
keys of bookings, do not wait for this lock. All callers lock in the order of the ids, so they cannot deadlock.
Plan: index scan on auditoriums_pkey.
$1 bigint[] auditorium_ids: the rooms
Sample: select array_agg(id) from (select id from auditoriums order by id limit 16) as a
*/
select /* auditoriums/lock_auditoriums */ id
from auditoriums
where id = any($1)
order by id
for no key update;
