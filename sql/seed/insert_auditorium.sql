/* seed/insert_auditorium
Inserts a room of the demo with its seats, in the order of the seat map.
Plan: function scan, then the inserts.
$1 text name: name of the room
$2 jsonb extra_metadata: a JSON object
$3 text[] row_labels: the row of each seat
$4 integer[] seat_numbers: the number of each seat
$5 text[] seat_types: regular, premium or wheelchair
$6 numeric[] price_modifiers: factors on the base price
$7 integer[] xs: the column of each seat in the drawing
$8 integer[] ys: the line of each seat in the drawing
$9 text focal_row: label of the row with the best view
$10 bigint cinema_id: its cinema
Sample: select 'Sample', '{}'::jsonb, array['A', 'A'], array[1, 2], array['regular', 'premium'], array[1.00, 1.50],
array[1, 2], array[1, 1], 'A', min(id) from cinemas
*/
with /* seed/insert_auditorium */ room as (
    insert into auditoriums (name, capacity, extra_metadata, focal_row, cinema_id)
    values ($1, cardinality($3::text[]), $2, $9, $10)
    returning id
)

insert into seats (auditorium_id, row_label, seat_number, seat_type, price_modifier, x, y)
select
    room.id,
    seat.row_label,
    seat.seat_number,
    seat.seat_type,
    seat.price_modifier,
    seat.x,
    seat.y
from room
cross join
    unnest($3::text[], $4::integer[], $5::text[], $6::numeric[], $7::integer[], $8::integer[])
        as seat (row_label, seat_number, seat_type, price_modifier, x, y)
order by char_length(seat.row_label), seat.row_label, seat.seat_number;
