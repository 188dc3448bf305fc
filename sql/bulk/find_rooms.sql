/* bulk/find_rooms
Returns the rooms that a file names, by id or by exact name, with their cinemas.
Plan: index scan on auditoriums_pkey for the ids, hash join for the names.
$1 bigint[] auditorium_ids: the ids
$2 text[] names: the names; several rooms may have the same name
Sample: select array_agg(id), array_agg(name) from (select id, name from auditoriums order by id limit 16) as a
*/
select /* bulk/find_rooms */
    a.id,
    a.name,
    a.cinema_id,
    c.name as cinema_name
from auditoriums as a
inner join cinemas as c on a.cinema_id = c.id
where a.id = any($1)
union
select
    a.id,
    a.name,
    a.cinema_id,
    c.name as cinema_name
from unnest($2::text[]) as named (name)
inner join auditoriums as a on named.name = a.name
inner join cinemas as c on a.cinema_id = c.id
order by id;
