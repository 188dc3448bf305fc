/* payments/list_payments
The payments of a reservation, oldest first.
Plan: index scan on payments_reservation_id_number_key.
$1 uuid reservation_id: which
Sample: select (select reservation_id from payments order by created_at desc limit 1)
*/
select /* payments/list_payments */
    id,
    provider,
    status,
    amount::text as amount,
    refunded::text as refunded,
    currency,
    case when status = 'pending' then checkout_url end as checkout_url,
    created_at,
    succeeded_at
from payments
where reservation_id = $1
order by number;
