/* accounts/renew_session
Spends a refresh token: only that of the newest generation of a valid session, and only once under concurrency.
Returns the account's current role, or no row if the token was spent before, revoked or expired.
Plan: index scans on login_sessions_pkey and users_pkey.
$1 uuid session_id: the session of the token
$2 integer generation: the generation of the token
$3 bigint ttl_s: life of the next refresh token in seconds
Sample: select s.id, s.generation, 604800::bigint from (select) as one left join (select id, generation from
login_sessions where revoked_at is null order by id desc limit 1) as s on true
*/
update /* accounts/renew_session */ login_sessions as s
set
    generation = s.generation + 1,
    expires_at = now() + $3::bigint * interval '1 second'
from users as u
where
    s.id = $1
    and s.generation = $2
    and s.revoked_at is null
    and s.expires_at > now()
    and u.id = s.user_id
returning u.role;
