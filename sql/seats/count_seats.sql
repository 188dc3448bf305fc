/* seats/count_seats
How many seats a room has, and the label of its last row; the room is locked by the caller.
Plan: index scan on seats_position_key.
$1 bigint auditorium_id: which
Sample: select min(id) from auditoriums
*/
select /* seats/count_seats */
    count(*) as seats,
    (
        select last_row.row_label
        from seats as last_row
        where last_row.auditorium_id = $1
        order by char_length(last_row.row_label) desc, last_row.row_label desc
        limit 1
    ) as last_row_label
from seats
where auditorium_id = $1;
