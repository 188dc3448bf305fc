/* auditoriums/find_auditorium
Returns one room by its id.
Plan: index scan on auditoriums_pkey.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
select /* auditoriums/find_auditorium */
    id,
    cinema_id,
    name,
    capacity,
    extra_metadata,
    focal_row,
    created_at,
    updated_at
from auditoriums
where id = $1;
