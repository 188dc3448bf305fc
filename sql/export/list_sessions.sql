/* export/list_sessions
A page of all login sessions that are kept of an account, ended ones included.
Plan: index scan on login_sessions_user_id_idx, then a sort of the sessions of this account.
$1 bigint user_id: whose
$2 uuid after: the last id of the page before; the lowest one for the first page
$3 bigint row_limit: most rows to answer
Sample: select (select user_id from login_sessions order by id desc limit 1), '00000000-0000-0000-0000-000000000000'::uuid,
100::bigint
*/
select /* export/list_sessions */
    id,
    created_at,
    refreshed_at,
    expires_at,
    revoked_at
from login_sessions
where user_id = $1 and id > $2
order by id
limit $3;
