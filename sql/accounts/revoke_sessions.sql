/* accounts/revoke_sessions
Revokes the login sessions of an account, after a change of its password.
Plan: index scan on login_sessions_user_id_idx.
$1 bigint user_id: whose
$2 uuid kept: the session that goes on; null for none
Sample: select (select user_id from login_sessions order by id desc limit 1), null::uuid
*/
update /* accounts/revoke_sessions */ login_sessions
set revoked_at = now()
where user_id = $1 and revoked_at is null and id is distinct from $2;
