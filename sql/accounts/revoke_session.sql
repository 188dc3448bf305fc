/* accounts/revoke_session
Revokes a login session and with it all its refresh tokens; a second time changes nothing.
Plan: index scan on login_sessions_pkey.
$1 uuid session_id: which
Sample: select (select id from login_sessions order by id desc limit 1)
*/
update /* accounts/revoke_session */ login_sessions
set revoked_at = coalesce(revoked_at, now())
where id = $1;
