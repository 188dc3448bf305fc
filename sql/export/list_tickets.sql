/* export/list_tickets
The tickets of seats of reservations, cancelled ones excluded.
Plan: for each seat tickets_seat_key.
$1 uuid[] reservation_ids: for every seat, the reservation
$2 bigint[] showtime_ids: its showtime
$3 bigint[] seat_ids: the seats
Sample: select array_agg(t.reservation_id), array_agg(t.showtime_id), array_agg(t.seat_id) from (select reservation_id,
showtime_id, seat_id from tickets where cancelled_at is null order by showtime_id, seat_id limit 16) as t
*/
select /* export/list_tickets */
    asked.reservation_id,
    t.seat_id,
    t.created_at,
    t.checked_in_at
from unnest($1::uuid[], $2::bigint[], $3::bigint[]) with ordinality as asked (reservation_id, showtime_id, seat_id, place)
inner join tickets as t
    on asked.showtime_id = t.showtime_id and asked.seat_id = t.seat_id and asked.reservation_id = t.reservation_id
where t.cancelled_at is null
order by asked.place;
