/* seats/count_seats
Returns the number of seats of a room, retired ones left out, and the label of its last row. The caller has locked the room.
Plan: index scan on seats_position_key.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
select /* seats/count_seats */
    count(*) as seats,
    (
        select last_row.row_label
        from seats as last_row
        where last_row.auditorium_id = $1 and last_row.retired_at is null
        order by char_length(last_row.row_label) desc, last_row.row_label desc
        limit 1
    ) as last_row_label
from seats
where auditorium_id = $1 and retired_at is null;
