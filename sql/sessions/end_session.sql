/* sessions/end_session
Revokes a login session of an account, and with it all its tokens. No row if the account has no such session, or it has ended.
Plan: index scan on login_sessions_pkey.
$1 uuid session_id: which
$2 bigint user_id: whose
Sample: select (select id from login_sessions order by id desc limit 1), (select user_id from login_sessions order by id desc
limit 1)
*/
update /* sessions/end_session */ login_sessions
set revoked_at = now()
where id = $1 and user_id is not distinct from $2 and revoked_at is null and expires_at > now()
returning id;
