/* accounts/open_session
Begins a login session, the family of refresh tokens of one login, if the password that was verified is still the
account's and the account is not disabled. The row lock orders this against a change of either, which revokes the account's
sessions: either that change waits and then revokes this session, or this waits and finds the change. FOR KEY SHARE would not do,
since it does not wait for an update of these columns. Also deletes the account's expired sessions, so that they do not pile up.
Plan: index scan on users_pkey, one insert, and delete by index scan on login_sessions_user_id_idx.
$1 uuid session_id: new
$2 bigint user_id: whose
$3 bigint ttl_s: life of a refresh token in seconds
$4 text password_hash: the verified one; null where no password was verified
Sample: select gen_random_uuid(), min(id), 604800::bigint, null::text from users
*/
with /* accounts/open_session */ account as (
    select id
    from users
    where id = $2 and disabled_at is null and ($4::text is null or password_hash = $4)
    for share
),

expired as (
    delete from login_sessions
    where user_id = $2 and expires_at <= now()
)

insert into login_sessions (id, user_id, expires_at)
select
    $1,
    id,
    now() + $3::bigint * interval '1 second'
from account
returning id;
