/* accounts/open_session
Begins a login session: the family of refresh tokens that descend from one login. Sessions of the account that ran
out are swept up on the way, so the table holds nothing that is of no use.
Plan: delete by index scan on login_sessions_user_id_idx, and one insert.
$1 uuid session_id: new
$2 bigint user_id: whose
$3 bigint ttl_s: life of a refresh token in seconds
Sample: select gen_random_uuid(), min(id), 604800::bigint from users
*/
with /* accounts/open_session */ swept as (
    delete from login_sessions
    where user_id = $2 and expires_at <= now()
)

insert into login_sessions (id, user_id, expires_at)
values ($1, $2, now() + $3::bigint * interval '1 second');
