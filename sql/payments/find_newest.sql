/* payments/find_newest
The newest payment of a reservation with this status.
Plan: index scan on payments_reservation_id_number_key.
$1 uuid reservation_id: which
$2 text status: pending or succeeded
$3 bigint showtime_id: of which showtime
Sample: select p.reservation_id, 'succeeded', p.showtime_id from (select) as one left join (select * from payments where status =
'succeeded' and refunded = 0 order by reservation_id desc, number desc limit 1) as p on true
*/
select /* payments/find_newest */
    id,
    reservation_id,
    provider,
    status,
    amount::text as amount,
    currency,
    reference,
    checkout_url
from payments
where reservation_id = $1 and showtime_id = $3 and status = $2
order by number desc
limit 1;
