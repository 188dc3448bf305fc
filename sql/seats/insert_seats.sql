/* seats/insert_seats
Inserts whole rows of seats into a room, numbered from 1 in each row. The caller has locked the room.
Plan: function scans, then the inserts in the order of the seat map.
$1 bigint auditorium_id: the room
$2 text[] row_labels: the new rows, in order
$3 integer seats_per_row: seats in each row
$4 text seat_type: regular, premium, wheelchair, companion or another
$5 numeric price_modifier: factor on the base price
$6 integer[] aisles_after: the seat numbers after which a position is left free; null for seats without positions
$7 integer first_y: the position of the first row; null for seats without positions
Sample: select min(id), array['ZZY', 'ZZZ'], 20, 'regular', 1.00, array[4, 16], 18277 from auditoriums
*/
with /* seats/insert_seats */ made as (
    insert into seats (auditorium_id, row_label, seat_number, seat_type, price_modifier, x, y)
    select
        $1,
        new_row.label,
        new_seat.number,
        $4,
        $5,
        case when $6::integer[] is not null then new_seat.number + cardinality(array(
            select aisle.after from unnest($6) as aisle (after)
            where aisle.after < new_seat.number
        )) end,
        $7::integer + new_row.position - 1
    from unnest($2::text[]) with ordinality as new_row (label, position)
    cross join generate_series(1, $3::integer) as new_seat (number)
    order by new_row.position, new_seat.number
    returning id, auditorium_id, row_label, seat_number, seat_type, price_modifier, x, y, updated_at
)

select
    id,
    auditorium_id,
    row_label,
    seat_number,
    seat_type,
    price_modifier,
    x,
    y,
    updated_at
from made
order by char_length(row_label), row_label, seat_number;
