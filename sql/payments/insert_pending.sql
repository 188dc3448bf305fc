/* payments/insert_pending
Opens a payment of a reservation, unless one is pending. A background job asks the provider about it after a minute.
Plan: index scan on payments_reservation_id_number_key.
$1 uuid payment_id: a new one
$2 uuid reservation_id: locked by the caller
$3 numeric amount: what is due
$4 text currency: of the amount
$5 bigint showtime_id: of which showtime
Sample: select gen_random_uuid(), coalesce((select id from reservations order by id desc limit 1), gen_random_uuid()), 10.00,
'USD', (select showtime_id from reservations order by id desc limit 1)
*/
insert /* payments/insert_pending */ into payments (
    id, reservation_id, showtime_id, number, provider, amount, currency, check_at
)
select
    $1,
    $2,
    $5,
    coalesce(max(p.number), 0) + 1,
    'stripe',
    $3,
    $4,
    clock_timestamp() + interval '1 minute'
from payments as p
where p.reservation_id = $2 and p.showtime_id = $5
on conflict do nothing;
