/* accounts/open_guest_session
Makes a guest and a login session for the guest's one access token. A guest has no password: no hash is like this one.
Plan: two inserts.
$1 text name: as the person writes it
$2 text email: as typed; others may have the same
$3 uuid session_id: new
$4 bigint ttl_s: life of the access token in seconds
$5 text language: a tag such as de-AT, or null
Sample: select 'Sample', 'sample@example.com', gen_random_uuid(), 1800::bigint, null::text
*/
with /* accounts/open_guest_session */ guest as (
    insert into users (name, guest_email, password_hash, role, language)
    values ($1, $2, '!', 'guest', $5)
    returning id, name, guest_email, role, created_at
),

session as (
    insert into login_sessions (id, user_id, expires_at)
    select
        $3,
        id,
        now() + $4::bigint * interval '1 second'
    from guest
)

select
    id,
    name,
    guest_email as email,
    role,
    created_at,
    false as email_verified
from guest;
