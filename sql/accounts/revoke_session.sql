/* accounts/revoke_session
Ends a login session, so that none of its refresh tokens is good any more; again changes nothing.
Plan: index scan on login_sessions_pkey.
$1 uuid session_id: which
*/
update login_sessions
set revoked_at = coalesce(revoked_at, now())
where id = $1;
