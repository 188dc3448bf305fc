/* refunds/record_attempt
Records what came of an attempt to refund that did not succeed. A pending refund is tried again when claim_refunds has said.
Plan: index scan on refunds_pkey.
$1 uuid refund_id: which
$2 text status: pending or failed
$3 text reference: the provider's id, if it has begun
$4 text last_error: why it failed, if it did
Sample: select (select f.id from refunds as f inner join payments as p on f.payment_id = p.id where f.status = 'pending' order by
p.reservation_id desc, p.number desc limit 1), 'pending', null::text, 'Sample.'
*/
update /* refunds/record_attempt */ refunds
set
    status = $2,
    reference = coalesce($3, reference),
    last_error = $4
where id = $1 and status = 'pending';
