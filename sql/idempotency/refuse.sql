/* idempotency/refuse
Keeps the answer to a request that was refused for good, for whoever repeats it.
Plan: index scan on idempotency_keys_pkey.
$1 bigint user_id: whose key
$2 text key: which
$3 bytea fingerprint: of what was asked
$4 jsonb refusal: code, detail and further members of the problem
*/
update idempotency_keys
set refusal = $4
where user_id = $1 and key = $2 and fingerprint = $3;
