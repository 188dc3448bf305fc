/* accounts/revoke_sessions
Ends every login session of an account, whose password or role has changed hands.
Plan: index scan on login_sessions_user_id_idx.
$1 bigint user_id: whose
*/
update login_sessions
set revoked_at = now()
where user_id = $1 and revoked_at is null;
