/* sold_showtimes/cancel_reservations
Cancels reservations whose showtime is cancelled, at the time of its cancelled_at, frees their seats, cancels their tickets,
also those that are checked in, since whoever is in the house has to leave, and writes it to the outbox. Blocked seats stay.
Plan: index scans on reservations_pkey, booked_seats_showtime_id_seat_id_key and tickets_seat_key.
$1 bigint showtime_id: locked by the caller
$2 uuid[] reservation_ids: those of lock_reservations
Sample: select st.id, array(select r.id from reservations as r where r.showtime_id = st.id and r.status in ('held', 'confirmed')
order by r.id limit 16) from (select) as one left join (select id from showtimes where starts_at > now() order by starts_at, id
limit 1) as st on true
*/
with /* sold_showtimes/cancel_reservations */ freed as (
    delete from booked_seats
    where showtime_id = $1 and reservation_id is not null
),

cancelled_tickets as (
    update tickets
    set cancelled_at = clock_timestamp()
    where showtime_id = $1 and cancelled_at is null
),

cancelled as (
    update reservations
    set
        status = 'cancelled',
        cancelled_at = now(),
        cancelled_by = 'cinema'
    where id = any($2)
    returning id
)

insert into outbox (type, reservation_id)
select
    'reservation.cancelled',
    id
from cancelled;
