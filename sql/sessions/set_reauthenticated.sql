/* sessions/set_reauthenticated
Notes that the password was given again in a login session, if the verified one is still the account's.
Plan: index scans on login_sessions_pkey and users_pkey.
$1 uuid session_id: which
$2 text password_hash: the verified one
Sample: select (select id from login_sessions order by id desc limit 1), '!'
*/
update /* sessions/set_reauthenticated */ login_sessions as s
set reauthenticated_at = now()
from users as u
where s.id = $1 and u.id = s.user_id and u.password_hash = $2 and s.revoked_at is null
returning s.id;
