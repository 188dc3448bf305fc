/* refunds/list_refunds
The refunds of reservations' payments, the oldest first.
Plan: index scans on payments_reservation_id_number_key and refunds_payment_id_idx.
$1 uuid[] reservation_ids: which
Sample: select array(select reservation_id from payments where refunded > 0 order by reservation_id desc, number desc limit 1)
*/
select /* refunds/list_refunds */
    f.id,
    f.payment_id,
    f.amount::text as amount,
    f.reason,
    f.status,
    f.created_at,
    f.succeeded_at
from payments as p
inner join refunds as f on p.id = f.payment_id
where p.reservation_id = any($1)
order by f.created_at, f.id;
