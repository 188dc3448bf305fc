/* idempotency/claim
Writes down who is about to carry out which request, one or a batch of them, before anything is done; in the order of the
primary key, so that batches cannot deadlock. A key that was used within a day stays as it is, an older one is new again.
Answers those that were claimed before, and what stands there; nulls where another one's claim was written at this very
moment. The others are the caller's: mostly all of them, so mostly there is nothing to answer.
Plan: inserts, then index scans on idempotency_keys_pkey.
$1 bigint[] user_ids: whose keys
$2 text[] keys: each once a user
$3 bytea[] fingerprints: of what is asked, 16 bytes
$4 uuid[] reservation_ids: what it is about
$5 bigint lease_ms: how long it may take to carry one out
*/
with asked as materialized (
    select
        user_id,
        key,
        fingerprint,
        reservation_id
    from unnest($1::bigint[], $2::text[], $3::bytea[], $4::uuid[]) as a (user_id, key, fingerprint, reservation_id)
),

claimed as (
    insert into idempotency_keys as k (user_id, key, fingerprint, reservation_id, leased_until)
    select
        user_id,
        key,
        fingerprint,
        reservation_id,
        now() + $5::bigint * interval '1 millisecond'
    from asked
    order by user_id, key
    on conflict (user_id, key) do update
        set
            fingerprint = excluded.fingerprint,
            reservation_id = excluded.reservation_id,
            created_at = excluded.created_at,
            leased_until = excluded.leased_until,
            refusal = null
        where k.created_at <= now() - interval '24 hours'
    returning k.user_id, k.key
)

select
    a.user_id,
    a.key,
    k.fingerprint,
    k.reservation_id,
    k.refusal
from asked as a
left join idempotency_keys as k on a.user_id = k.user_id and a.key = k.key
where
    not exists (
        select from claimed as c
        where c.user_id = a.user_id and c.key = a.key
    );
