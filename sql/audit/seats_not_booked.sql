/* audit/seats_not_booked
Finds seats of confirmed reservations that have no row in booked_seats for this reservation and its showtime.
Plan: reservations and reservation_seats hashed together, then a hash anti join with booked_seats; each table is read
once, by parallel workers where there are any.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_not_booked */
    format('reservation %s', r.id) as subject,
    format('is confirmed but does not own seat %s of showtime %s', rs.seat_id, r.showtime_id) as detail,
    count(*) over () as found
from reservations as r
inner join reservation_seats as rs on r.id = rs.reservation_id
where
    r.status = 'confirmed'
    and not exists (
        select 1 from booked_seats as b
        where b.reservation_id = rs.reservation_id and b.seat_id = rs.seat_id and b.showtime_id = r.showtime_id
    )
order by r.id, rs.seat_id
limit $1;
