/* seed/generate_seats
Inserts the seats of generated rooms: rows of 20 (A..Z, AA..), every fourth row premium, the first two seats of each
room for wheelchairs.
Plan: function scans, sorted once, then the inserts.
$1 bigint[] auditorium_ids: the rooms
$2 integer seats: seats of each room
Sample: select array_agg(a.id), 200 from auditoriums as a where not exists (select from seats as s where s.auditorium_id
= a.id)
*/
insert /* seed/generate_seats */ into seats (auditorium_id, row_label, seat_number, seat_type, price_modifier)
select
    room.id,
    case
        when seat.number / 20 < 26 then chr(65 + seat.number / 20)
        else chr(64 + seat.number / 520) || chr(65 + seat.number / 20 % 26)
    end as row_label,
    seat.number % 20 + 1 as seat_number,
    case when seat.number < 2 then 'wheelchair' when seat.number / 20 % 4 = 3 then 'premium' else 'regular' end as seat_type,
    case when seat.number < 2 then 0.80 when seat.number / 20 % 4 = 3 then 1.50 else 1.00 end as price_modifier
from unnest($1::bigint[]) as room (id)
cross join generate_series(0, $2::integer - 1) as seat (number)
order by room.id, seat.number;
