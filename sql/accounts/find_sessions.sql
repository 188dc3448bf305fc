/* accounts/find_sessions
The accounts of login sessions, for access tokens that are not in the worker's cache. No row for a session that was
revoked or whose account was deleted. `is not distinct from` keeps the planner from login_sessions_user_id_idx, by which
it would read all sessions of the account.
Plan: nested loop from the ids to login_sessions_pkey, then users_pkey.
$1 uuid[] session_ids: the sessions of the tokens
$2 bigint[] user_ids: the accounts of the tokens, in the same order
Sample: select array_agg(id), array_agg(user_id) from (select id, user_id from login_sessions order by id desc limit 16)
as s
*/
select /* accounts/find_sessions */
    s.id as session_id,
    u.id,
    u.name,
    coalesce(u.email, u.guest_email) as email,
    u.role,
    u.created_at,
    u.email_verified_at is not null as email_verified
from unnest($1::uuid[], $2::bigint[]) as asked (session_id, user_id)
inner join login_sessions as s on asked.session_id = s.id and asked.user_id is not distinct from s.user_id
inner join users as u on s.user_id = u.id
where s.revoked_at is null;
