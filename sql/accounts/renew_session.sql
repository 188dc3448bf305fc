/* accounts/renew_session
Spends a refresh token: that of the newest generation of a valid session. The token that was spent last is answered for 30
seconds with the pair that it was spent for, so that a client may repeat the request after a lost answer, and two of its tabs
may send it at once: the second waits for the first, and finds its generation and time. Returns the account's current role and
the time of which the new pair is made, in whole seconds; or no row if the token was spent before that, revoked or expired.
Plan: index scans on login_sessions_pkey and users_pkey.
$1 uuid session_id: the session of the token
$2 integer generation: the generation of the token
$3 bigint ttl_s: life of the next refresh token in seconds
$4 bigint session_max_s: longest life of the session in seconds
Sample: select s.id, s.generation, 604800::bigint, 7776000::bigint from (select) as one left join (select id, generation from
login_sessions where revoked_at is null order by id desc limit 1) as s on true
*/
update /* accounts/renew_session */ login_sessions as s
set
    generation = $2 + 1,
    refreshed_at = case when s.generation = $2 then now() else s.refreshed_at end,
    expires_at = case when s.generation = $2 then least(
        now() + $3::bigint * interval '1 second', s.created_at + $4::bigint * interval '1 second'
    ) else s.expires_at end
from users as u
where
    s.id = $1
    and (s.generation = $2 or (s.generation = $2 + 1 and s.refreshed_at > now() - interval '30 seconds'))
    and s.revoked_at is null
    and s.expires_at > now()
    and u.id = s.user_id
returning
    u.role,
    extract(epoch from s.refreshed_at)::bigint as made_at;
