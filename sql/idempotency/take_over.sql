/* idempotency/take_over
Carries on with a request whose lease has ended: whoever had it was killed, or has failed for now.
Plan: index scan on idempotency_keys_pkey.
$1 bigint user_id: whose key
$2 text key: which
$3 bytea fingerprint: of what is asked; another one has taken its place if it differs
$4 bigint lease_ms: how long it may take now
*/
update idempotency_keys
set leased_until = clock_timestamp() + $4::bigint * interval '1 millisecond'
where
    user_id = $1
    and key = $2
    and fingerprint = $3
    and refusal is null
    and leased_until <= clock_timestamp()
returning reservation_id;
