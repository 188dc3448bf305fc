/* idempotency/refuse
Stores the answer to a request that was finally refused, for when it is sent again. A key that was used within a day stays
as it is, an older one is replaced.
Plan: insert, with a lookup in idempotency_keys_pkey.
$1 bigint user_id: whose key
$2 text key: which
$3 bytea fingerprint: of what was asked, 16 bytes
$4 jsonb refusal: code, detail and further members of the problem
Sample: select min(id), 'sample', decode(md5('sample'), 'hex'), '{}'::jsonb from users
*/
insert /* idempotency/refuse */ into idempotency_keys as k (user_id, key, fingerprint, refusal)
values ($1, $2, $3, $4)
on conflict (user_id, key) do update
    set
        fingerprint = excluded.fingerprint,
        reservation_id = null,
        created_at = excluded.created_at,
        refusal = excluded.refusal
    where k.created_at <= now() - interval '24 hours';
