/* tickets/list_tickets
The tickets of seats of a reservation, cancelled ones excluded.
Plan: for each seat tickets_seat_key.
$1 uuid reservation_id: whose
$2 bigint showtime_id: of the reservation
$3 bigint[] seat_ids: of the reservation
Sample: select r.id, r.showtime_id, r.seat_ids from (select) as one left join (select id, showtime_id, seat_ids from
reservations where status = 'confirmed' order by id desc limit 1) as r on true
*/
select /* tickets/list_tickets */
    t.id,
    t.seat_id,
    t.code,
    t.created_at,
    t.checked_in_at
from unnest($3::bigint[]) as seat (id)
inner join tickets as t on seat.id = t.seat_id
where t.showtime_id = $2 and t.reservation_id = $1 and t.cancelled_at is null;
