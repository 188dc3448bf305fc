/* seed/generate_auditoriums
Adds alike rooms for generated load, seats excluded. New rooms in every run: nothing of theirs can be in its way.
Plan: function scan, then the inserts.
$1 integer room_count: how many
$2 integer seats: capacity of each
Sample: select 10, 200
*/
insert /* seed/generate_auditoriums */ into auditoriums (name, capacity, extra_metadata)
select
    'Generated ' || room.number as name,
    $2 as capacity,
    '{"generated": true}' as extra_metadata
from generate_series(1, $1::integer) as room (number)
order by room.number
returning id;
