/* sessions/list_sessions
A page of the login sessions of an account that have not ended, newest first.
Plan: index scan on login_sessions_user_id_idx, then a sort of the sessions of this account.
$1 bigint user_id: whose
$2 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$3 uuid before_id: its id; the highest one for the first page
$4 bigint row_limit: most rows to answer
Sample: select (select user_id from login_sessions order by id desc limit 1), now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 51::bigint
*/
select /* sessions/list_sessions */
    id,
    created_at,
    refreshed_at,
    expires_at
from login_sessions
where user_id = $1 and revoked_at is null and expires_at > now() and (created_at, id) < ($2, $3)
order by created_at desc, id desc
limit $4;
