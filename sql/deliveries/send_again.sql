/* deliveries/send_again
Makes a delivery due now: one that was given up, from its first attempt on; one that waits for its next attempt; and if the
caller says so, one that was delivered. One whose next attempt is so near that it may be claimed stays as it is. Returns
whether it was changed.
Plan: index scan on deliveries_pkey.
$1 bigint delivery_id: which
$2 boolean also_delivered: whether to send one again that was delivered
$3 bigint claim_s: seconds that a claim lasts
Sample: select max(id), false, 120::bigint from deliveries
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
        or (status = 'pending' and next_attempt_at > now() + $3::bigint * interval '1 second')
    )
returning id;
