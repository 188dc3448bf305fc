/* accounts/revoke_session
Ends a login session, so that none of its refresh tokens is good any more; again changes nothing.
Plan: index scan on login_sessions_pkey.
$1 uuid session_id: which
Sample: select (select id from login_sessions order by id desc limit 1)
*/
update /* accounts/revoke_session */ login_sessions
set revoked_at = coalesce(revoked_at, now())
where id = $1;
