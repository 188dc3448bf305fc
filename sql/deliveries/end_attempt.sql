/* deliveries/end_attempt
Notes what came of an attempt: the delivery is made, due again later, or given up. Nothing is changed if its claim has ended
and another process has claimed it since, or if it has been ended.
Plan: index scan on deliveries_pkey.
$1 bigint delivery_id: which
$2 integer attempts: as it was claimed
$3 text status: delivered, dead, or pending to try it again
$4 bigint retry_ms: milliseconds until it is due again; for pending
$5 text error: why the attempt failed, or null
$6 integer status_code: what the server answered, or null
$7 integer duration_ms: how long the attempt took, in milliseconds
Sample: select 1::bigint, 1, 'delivered', 0::bigint, null::text, 200, 12
*/
update /* deliveries/end_attempt */ deliveries
set
    status = $3,
    next_attempt_at = case when $3::text = 'pending' then now() + $4::bigint * interval '1 millisecond' else next_attempt_at end,
    ended_at = case when $3::text <> 'pending' then now() end,
    data = case when $3::text <> 'delivered' then data end,
    last_error = $5,
    last_status_code = $6,
    last_duration_ms = $7
where id = $1 and attempts = $2 and status = 'pending';
