/* audit/blocked_and_reserved
Finds blocked seats that a live hold or a confirmed reservation has, archived ones included.
Plan: booked_seats_blocked_idx, then for each showtime reservations_showtime_id_expires_at_idx and
archived_reservations_showtime_id_idx.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
with /* audit/blocked_and_reserved */ reserved as (
    select
        b.showtime_id,
        b.seat_id,
        r.id,
        r.status
    from booked_seats as b
    inner join reservations as r on b.showtime_id = r.showtime_id
    where
        b.reservation_id is null
        and b.seat_id = any(r.seat_ids)
        and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > now()))
    union all
    select
        b.showtime_id,
        b.seat_id,
        ar.id,
        ar.status
    from booked_seats as b
    inner join archived_reservations as ar on b.showtime_id = ar.showtime_id
    where b.reservation_id is null and b.seat_id = any(ar.seat_ids) and ar.status = 'confirmed'
)

select
    format('showtime %s, seat %s', showtime_id, seat_id) as subject,
    format('is blocked, and in reservation %s, which is %s', id, status) as detail,
    count(*) over () as found
from reserved
order by showtime_id, seat_id, id
limit $1;
