/* seed/list_room_seats
Returns the seats of a room in the order of the seat map.
Plan: index scan on seats_position_key.
$1 bigint auditorium_id: the room
Sample: select min(id) from auditoriums
*/
select /* seed/list_room_seats */
    id,
    row_label,
    seat_number,
    price_modifier
from seats
where auditorium_id = $1 and retired_at is null
order by char_length(row_label), row_label, seat_number;
