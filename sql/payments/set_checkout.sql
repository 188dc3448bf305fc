/* payments/set_checkout
Records the page on which a pending payment is made; no row if it is not pending any more.
Plan: index scan on payments_pkey.
$1 uuid payment_id: which
$2 text reference: the provider's id
$3 text checkout_url: the page
Sample: select (select id from payments where status = 'pending' order by reservation_id desc, number desc
limit 1), 'cs_sample', 'https://example.org/'
*/
update /* payments/set_checkout */ payments
set
    reference = $2,
    checkout_url = $3
where id = $1 and status = 'pending'
returning id;
