/* seats/find_left_out
Returns the seats of a room that are not in a new plan. The caller has locked the room.
Plan: index scan on seats_position_excl, hashed against the plan.
$1 bigint auditorium_id: the room
$2 text[] row_labels: the row of each seat of the plan
$3 integer[] seat_numbers: its number in the row
Sample: select min(id), array['A', 'A'], array[1, 2] from auditoriums
*/
select /* seats/find_left_out */ s.id
from seats as s
where
    s.auditorium_id = $1
    and s.retired_at is null
    and (s.row_label, s.seat_number) not in (
        select
            planned.row_label,
            planned.seat_number
        from unnest($2::text[], $3::integer[]) as planned (row_label, seat_number)
        where planned.row_label is not null and planned.seat_number is not null
    );
