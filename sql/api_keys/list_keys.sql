/* api_keys/list_keys
A page of keys in the order of their ids, revoked and expired ones among them.
Plan: index scan on api_keys_pkey, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
Sample: select 0::bigint, 50::bigint
*/
select /* api_keys/list_keys */
    id,
    name,
    user_id,
    prefix,
    scopes,
    created_by,
    created_at,
    expires_at,
    last_used_at,
    revoked_at,
    jsonb_build_object(
        'max_holds_per_user', max_holds_per_user,
        'max_seats_per_user_per_showtime', max_seats_per_user_per_showtime,
        'holds_per_minute', holds_per_minute
    ) as limits
from api_keys
where id > $1
order by id
limit $2;
