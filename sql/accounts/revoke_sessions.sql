/* accounts/revoke_sessions
Revokes every login session of an account, after a change of its password.
Plan: index scan on login_sessions_user_id_idx.
$1 bigint user_id: whose
Sample: select (select user_id from login_sessions order by id desc limit 1)
*/
update /* accounts/revoke_sessions */ login_sessions
set revoked_at = now()
where user_id = $1 and revoked_at is null;
