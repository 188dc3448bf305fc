/* idempotency/delete_old
Deletes some of the keys that are a day old; repeated until there are no more. It only frees space.
Plan: index scan on idempotency_keys_created_at_idx, then idempotency_keys_pkey.
$1 bigint row_limit: at most so many at once
Sample: select 1000::bigint
*/
delete /* idempotency/delete_old */ from idempotency_keys as k
using (
    select
        user_id,
        key
    from idempotency_keys
    where created_at <= now() - interval '24 hours'
    order by created_at
    limit $1
    for update skip locked
) as old
where k.user_id = old.user_id and k.key = old.key
returning k.key;
