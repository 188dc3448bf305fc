/* idempotency/find
What is stored of a key, if it was used within a day: a refusal, or a reservation with its owner, who is not the key's user
if staff used the key, the end of its hold as it was before any extension, and as it was after the last change of its
seats up to the request, so that a repeated request gets the first answer.
Plan: index scans on idempotency_keys_pkey, reservations_pkey and reservation_changes_pkey.
$1 bigint user_id: whose key
$2 text key: which
Sample: select k.user_id, k.key from (select) as one left join (select user_id, key from idempotency_keys order by
user_id desc, key desc limit 1) as k on true
*/
select /* idempotency/find */
    k.fingerprint,
    k.refusal,
    k.reservation_id,
    k.created_at,
    r.user_id as owner_id,
    coalesce(r.first_expires_at, r.expires_at) as original_expires_at,
    (
        select c.expires_at
        from reservation_changes as c
        where c.reservation_id = k.reservation_id and c.changed_at <= k.created_at
        order by c.id desc
        limit 1
    ) as changed_expires_at
from idempotency_keys as k
left join reservations as r on k.reservation_id = r.id
where
    k.user_id = $1
    and k.key = $2
    and k.created_at > now() - interval '24 hours';
