/* payments/mark_ended
Ends a payment that was not made, as failed or cancelled. One that is cancelled already stays so.
Plan: index scan on payments_pkey.
$1 uuid payment_id: which
$2 text status: failed or cancelled
Sample: select (select id from payments where status = 'pending' order by reservation_id desc, number desc limit 1), 'failed'
*/
update /* payments/mark_ended */ payments
set
    status = case when status = 'pending' then $2 else status end,
    settled_at = clock_timestamp()
where id = $1 and status in ('pending', 'cancelled') and settled_at is null;
