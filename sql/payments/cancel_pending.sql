/* payments/cancel_pending
Cancels the pending payment of a reservation if it is of another amount than is due by now. A background job ends it at the
provider.
Plan: index scan on payments_pending_key.
$1 uuid reservation_id: locked by the caller
$2 numeric amount: what is due
Sample: select (select id from reservations order by id desc limit 1), 10.00
*/
update /* payments/cancel_pending */ payments
set
    status = 'cancelled',
    check_at = clock_timestamp()
where reservation_id = $1 and status = 'pending' and amount <> $2;
