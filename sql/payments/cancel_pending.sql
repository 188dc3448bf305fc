/* payments/cancel_pending
Cancels the pending payment of a reservation if it is of another amount than is due by now. A background job ends it at the
provider.
Plan: index scan on payments_pending_key.
$1 uuid reservation_id: locked by the caller
$2 numeric amount: what is due
$3 bigint showtime_id: of which showtime
Sample: select r.id, 10.00, r.showtime_id from (select) as one left join (select * from reservations order by id desc limit 1) as r
on true
*/
update /* payments/cancel_pending */ payments
set
    status = 'cancelled',
    check_at = clock_timestamp()
where reservation_id = $1 and showtime_id = $3 and status = 'pending' and amount <> $2;
