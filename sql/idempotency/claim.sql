/* idempotency/claim
Inserts the key of a request, in the transaction that carries it out: both are committed, or neither. A key that was used
within a day stays as it is, and there is no row; an older one is replaced. Waits for another session that is inserting the
same key. The time is that of the statement, which comes after the transaction's lock on the reservation: what changed the
reservation before has an earlier time, and what changes it later has a later one.
Plan: insert, with a lookup in idempotency_keys_pkey.
$1 bigint user_id: whose key
$2 text key: which
$3 bytea fingerprint: of what is asked, 16 bytes
$4 uuid reservation_id: of the request
Sample: select min(id), 'sample', decode(md5('sample'), 'hex'), gen_random_uuid() from users
*/
insert /* idempotency/claim */ into idempotency_keys as k (user_id, key, fingerprint, reservation_id, created_at)
values ($1, $2, $3, $4, clock_timestamp())
on conflict (user_id, key) do update
    set
        fingerprint = excluded.fingerprint,
        reservation_id = excluded.reservation_id,
        created_at = excluded.created_at,
        refusal = null
    where k.created_at <= now() - interval '24 hours'
returning k.reservation_id;
