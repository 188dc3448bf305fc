/* deliveries/send_again
Makes a delivery due now: one that was given up, from its first attempt on; one that waits for its next attempt; and if the
caller says so, one that was delivered. One that is claimed stays as it is, until the claim has ended. Returns
whether it was changed.
Plan: index scan on deliveries_pkey.
$1 bigint delivery_id: which
$2 boolean also_delivered: whether to send one again that was delivered
Sample: select max(id), false from deliveries
*/
update /* deliveries/send_again */ deliveries
set
    status = 'pending',
    attempts = case when status = 'pending' then attempts else 0 end,
    next_attempt_at = now(),
    ended_at = null
where
    id = $1
    and (
        status = 'dead'
        or (status = 'delivered' and $2)
        or (status = 'pending' and (claimed_until is null or claimed_until <= now()))
    )
returning id;
