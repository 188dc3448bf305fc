/* sold_showtimes/lock_reservations
Locks the live holds and confirmed reservations of a showtime, before the showtime is cancelled or gets another room. The
caller locks the showtime afterwards and runs this again, for those that were inserted in between. They are found by their
time and by their booked seats, so that the many holds that have expired are not read. It waits up to a second for each
lock: longer than a confirm that has a reservation and waits for the showtime, which gives up after 300 ms.
Plan: index scans on reservations_showtime_id_expires_at_idx, booked_seats_showtime_id_seat_id_key and reservations_pkey.
$1 bigint showtime_id: which
Sample: select (select id from showtimes where starts_at > now() order by starts_at, id limit 1)
*/
with /* sold_showtimes/lock_reservations */ lock_limit as materialized (
    select set_config('lock_timeout', '1s', true) as lock_timeout
)

select
    r.id,
    r.status,
    r.seat_ids
from reservations as r
where
    r.id = any(array(
        select own.id
        from reservations as own
        where own.showtime_id = $1 and own.status = 'held' and own.expires_at > now()
        union
        select b.reservation_id as id
        from booked_seats as b
        where b.showtime_id = $1
    ))
    and r.status in ('held', 'confirmed')
    and (select ll.lock_timeout from lock_limit as ll) is not null
order by r.id
for no key update of r;
