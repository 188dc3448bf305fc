/* audit/seats_not_booked
Finds seats of confirmed reservations that have no row in booked_seats for this reservation and its showtime.
Plan: the seats of reservations in a hash anti join with booked_seats; each table is read once.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/seats_not_booked */
    format('reservation %s', r.id) as subject,
    format('is confirmed but does not own seat %s of showtime %s', r.seat_id, r.showtime_id) as detail,
    count(*) over () as found
from (
    select
        id,
        showtime_id,
        unnest(seat_ids) as seat_id
    from reservations
    where status = 'confirmed'
) as r
where
    not exists (
        select 1 from booked_seats as b
        where b.reservation_id = r.id and b.seat_id = r.seat_id and b.showtime_id = r.showtime_id
    )
order by r.id, r.seat_id
limit $1;
