/* sessions/is_recent
Whether the password was given in a login session so lately, by the login or again.
Plan: index scan on login_sessions_pkey.
$1 uuid session_id: which
$2 bigint within_s: how long ago at most, in seconds
Sample: select (select id from login_sessions order by id desc limit 1), 1800::bigint
*/
select /* sessions/is_recent */ exists(
    select
    from login_sessions
    where id = $1 and coalesce(reauthenticated_at, created_at) > now() - $2::bigint * interval '1 second'
);
