/* api_keys/find_key
One key as administrators see it, also if it is revoked or expired.
Plan: index scan on api_keys_pkey.
$1 bigint key_id: which
Sample: select max(id) from api_keys
*/
select /* api_keys/find_key */
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
where id = $1;
