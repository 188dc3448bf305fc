/* seats/find_seat
Returns one seat by its id, unless it is retired.
Plan: index scan on seats_pkey.
$1 bigint seat_id: the seat
Sample: select min(id) from seats where retired_at is null
*/
select /* seats/find_seat */
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
where id = $1 and retired_at is null;
