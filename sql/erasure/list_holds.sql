/* erasure/list_holds
Live holds of some users, the newest first, to release them. A hold is not older than a week (the highest HOLD_MAX_SECONDS).
Plan: index scan on reservations_user_id_idx.
$1 bigint[] user_ids: whose
$2 bigint row_limit: most rows to answer
Sample: select array(select user_id from reservations order by id desc limit 1), 100::bigint
*/
select /* erasure/list_holds */
    id,
    user_id
from reservations
where
    user_id = any($1::bigint[])
    and created_at > now() - interval '8 days'
    and status = 'held'
    and expires_at > now()
order by created_at desc
limit $2;
