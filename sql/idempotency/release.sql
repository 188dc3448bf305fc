/* idempotency/release
Ends the lease of a request that has failed for now, so that whoever repeats it need not wait.
Plan: index scan on idempotency_keys_pkey.
$1 bigint user_id: whose key
$2 text key: which
$3 bytea fingerprint: of what was asked
*/
update idempotency_keys
set leased_until = clock_timestamp()
where user_id = $1 and key = $2 and fingerprint = $3;
