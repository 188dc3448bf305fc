/* payments/postpone_check
Lets the background job look at a payment later.
Plan: index scan on payments_pkey.
$1 uuid payment_id: which
$2 bigint delay_s: seconds from now
Sample: select (select id from payments where status = 'pending' order by reservation_id desc, number desc
limit 1), 60::bigint
*/
update /* payments/postpone_check */ payments
set check_at = clock_timestamp() + $2::bigint * interval '1 second'
where id = $1 and settled_at is null;
