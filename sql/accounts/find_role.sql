/* accounts/find_role
The current role of an account, for a request that needs an administrator: the role in the token may be half an hour
old. No row if the login session was revoked or the account deleted. `is not distinct from` keeps the planner from
login_sessions_user_id_idx, by which it would read all sessions of the account.
Plan: index scans on login_sessions_pkey and users_pkey.
$1 uuid session_id: the session of the token
$2 bigint user_id: the account of the token
Sample: select s.id, s.user_id from (select) as one left join (select id, user_id from login_sessions order by id desc
limit 1) as s on true
*/
select /* accounts/find_role */ u.role
from login_sessions as s
inner join users as u on s.user_id = u.id
where s.id = $1 and s.user_id is not distinct from $2 and s.revoked_at is null;
