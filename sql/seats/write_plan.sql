/* seats/write_plan
Writes a room's plan: inserts the seats that the room does not have, and changes those that differ; a seat is the same one
if its row and number are. The caller has locked the room and its open showtimes, and removed the seats that the plan
leaves out. seats_position_excl is checked at the end of the statement, so seats may exchange their positions.
Plan: function scan, then the inserts and updates by seats_position_key.
$1 bigint auditorium_id: the room
$2 text[] row_labels: the row of each seat, each row and number once
$3 integer[] seat_numbers: its number in the row
$4 text[] seat_types: regular, premium, wheelchair, companion or others
$5 numeric[] price_modifiers: factors on the base price
$6 integer[] xs: positions in the drawing, or nulls
$7 integer[] ys: positions in the drawing, or nulls
Sample: select min(id), array['A', 'ZZZ'], array[1, 1], array['regular', 'vip'], array[1.00, 1.50], array[null::integer,
900], array[null::integer, 900] from auditoriums
*/
insert /* seats/write_plan */ into seats as s (
    auditorium_id, row_label, seat_number, seat_type, price_modifier, x, y
)
select
    $1,
    planned.row_label,
    planned.seat_number,
    planned.seat_type,
    planned.price_modifier,
    planned.x,
    planned.y
from
    unnest($2::text[], $3::integer[], $4::text[], $5::numeric(4, 2)[], $6::integer[], $7::integer[])
        as planned (row_label, seat_number, seat_type, price_modifier, x, y)
order by char_length(planned.row_label), planned.row_label, planned.seat_number
on conflict (auditorium_id, char_length(row_label), row_label, seat_number, retired_at) do update
    set
        seat_type = excluded.seat_type,
        price_modifier = excluded.price_modifier,
        x = excluded.x,
        y = excluded.y,
        updated_at = greatest(clock_timestamp(), s.updated_at + interval '1 microsecond')
    where (s.seat_type, s.price_modifier, s.x, s.y) is distinct from (
        excluded.seat_type, excluded.price_modifier, excluded.x, excluded.y
    );
