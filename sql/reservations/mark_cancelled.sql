/* reservations/mark_cancelled
Cancels a reservation, and writes that to the outbox; its seats stay in its row as history. Tells whether a payment of it
succeeded.
Plan: index scans on reservations_pkey and payments_reservation_id_number_key.
$1 uuid reservation_id: locked by the caller
$2 text cancelled_by: customer, cinema or staff
$3 text reason: of the box office; null if the customer cancels
Sample: select (select id from reservations where status = 'held' order by id desc limit 1), 'customer', null::text
*/
with /* reservations/mark_cancelled */ cancelled as (
    update reservations
    set
        status = 'cancelled',
        cancelled_at = now(),
        cancelled_by = $2,
        cancel_reason = $3
    where id = $1
    returning id
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
    where p.reservation_id = $1 and p.status = 'succeeded'
) as is_paid;
