/* seed/generate_auditoriums
Inserts equal rooms without seats for generated load. Each run uses new rooms, in which no showtime can be in its way.
Plan: function scan, then the inserts.
$1 integer room_count: how many
$2 integer seats: capacity of each
Sample: select 10, 200
*/
insert /* seed/generate_auditoriums */ into auditoriums (name, capacity, extra_metadata, cinema_id)
select
    'Generated ' || room.number as name,
    $2 as capacity,
    '{"generated": true}' as extra_metadata,
    (select min(c.id) from cinemas as c) as cinema_id
from generate_series(1, $1::integer) as room (number)
order by room.number
returning id;
