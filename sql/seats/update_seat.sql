/* seats/update_seat
Replaces everything about a seat. The caller has locked its room and the room's open showtimes.
Plan: index scan on seats_pkey.
$1 bigint seat_id: the seat
$2 text row_label: the row
$3 integer seat_number: the number in the row
$4 text seat_type: regular, premium, wheelchair, companion or another
$5 numeric price_modifier: factor on the base price
$6 integer x: position in the drawing, or null
$7 integer y: position in the drawing, or null
Sample: select s.id, s.row_label, s.seat_number, s.seat_type, 1.25, s.x, s.y from (select) as one left join (select id,
row_label, seat_number, seat_type, x, y from seats where retired_at is null order by id limit 1) as s on true
*/
update /* seats/update_seat */ seats
set
    row_label = $2,
    seat_number = $3,
    seat_type = $4,
    price_modifier = $5,
    x = $6,
    y = $7,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning id, auditorium_id, row_label, seat_number, seat_type, price_modifier, x, y, updated_at;
