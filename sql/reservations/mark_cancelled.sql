/* reservations/mark_cancelled
Cancels a reservation, and writes that to the outbox; its seats stay in its row as history. Tells whether a payment of it
succeeded.
Plan: index scans on reservations_pkey and payments_reservation_id_number_key.
$1 uuid reservation_id: locked by the caller
$2 text cancelled_by: customer, cinema or staff
$3 text reason: of the box office; null if the customer cancels
$4 bigint showtime_id: of which showtime
Sample: select r.id, 'customer', null::text, r.showtime_id from (select) as one left join (select * from reservations where status =
'held' order by id desc limit 1) as r on true
*/
with /* reservations/mark_cancelled */ cancelled as (
    update reservations as r
    set
        status = 'cancelled',
        cancelled_at = now(),
        cancelled_by = $2,
        cancel_reason = $3
    where r.id = $1 and r.showtime_id is not distinct from $4
    returning r.id
),

told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.cancelled',
        id
    from cancelled
)

select exists(
    select
    from payments as p
    where p.reservation_id = $1 and p.showtime_id = $4 and p.status = 'succeeded'
) as is_paid;
