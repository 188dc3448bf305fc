/* seats/list_seats
Returns a page of a room's seats, retired ones left out, in the order of the seat map.
Plan: index scan on seats_position_key, stopped by the limit.
$1 bigint auditorium_id: the room
$2 text after_row: row of the last seat of the page before; empty for the first page
$3 bigint after_number: number of that seat; 0 for the first page
$4 bigint row_limit: the most rows of the page
Sample: select min(id), '', 0::bigint, 50::bigint from auditoriums
*/
select /* seats/list_seats */
    id,
    auditorium_id,
    row_label,
    seat_number,
    seat_type,
    price_modifier,
    x,
    y,
    updated_at
from seats
where
    auditorium_id = $1
    and retired_at is null
    and (char_length(row_label), row_label, seat_number) > (char_length($2::text), $2::text, $3::bigint)
order by char_length(row_label), row_label, seat_number
limit $4;
