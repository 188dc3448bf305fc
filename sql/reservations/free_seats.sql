/* reservations/free_seats
Frees seats of a confirmed reservation, unless the showtime starts too soon, and cancels their tickets; returns the freed
seats, and when the ticket of one was checked in. The update of a ticket waits for a check-in of it, and then returns what that
has written.
Plan: index scans on showtimes_pkey, booked_seats_showtime_id_seat_id_key and tickets_seat_key.
$1 uuid reservation_id: locked by the caller
$2 bigint showtime_id: its showtime
$3 bigint cutoff_s: seconds before the start from which on nothing is freed; null if it may be freed at any time
$4 bigint[] seat_ids: which of its seats
Sample: select r.id, r.showtime_id, 0::bigint, r.seat_ids from (select) as one left join (select id, showtime_id, seat_ids
from reservations where status = 'confirmed' order by id desc limit 1) as r on true
*/
with /* reservations/free_seats */ freed as (
    delete from booked_seats as b
    using
        showtimes as st,
        unnest($4::bigint[]) as seat (id)
    where
        st.id = $2
        and b.showtime_id = st.id
        and b.seat_id = seat.id
        and b.reservation_id = $1
        and ($3::bigint is null or st.starts_at - $3::bigint * interval '1 second' > clock_timestamp())
    returning
        b.showtime_id,
        b.seat_id
),

cancelled as (
    update tickets as t
    set cancelled_at = clock_timestamp()
    from freed
    where t.showtime_id = freed.showtime_id and t.seat_id = freed.seat_id and t.cancelled_at is null and t.reservation_id = $1
    returning
        t.seat_id,
        t.checked_in_at
)

select
    freed.seat_id,
    cancelled.checked_in_at
from freed
left join cancelled on freed.seat_id = cancelled.seat_id;
