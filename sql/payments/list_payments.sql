/* payments/list_payments
The payments of reservations, those of each the oldest first.
Plan: index scan on payments_reservation_id_number_key.
$1 uuid[] reservation_ids: which
Sample: select array(select reservation_id from payments where status = 'succeeded' and refunded = 0 order by reservation_id desc,
number desc limit 1)
*/
select /* payments/list_payments */
    id,
    reservation_id,
    provider,
    status,
    amount::text as amount,
    refunded::text as refunded,
    currency,
    case when status = 'pending' then checkout_url end as checkout_url,
    created_at,
    succeeded_at
from payments
where reservation_id = any($1)
order by reservation_id, number;
