/* accounts/insert_user
Creates an account, and adds the mail that lets its owner confirm the address. users_folded_email_key refuses an address that is taken,
in any spelling.
Plan: two inserts.
$1 text name: as the person writes it
$2 text email: as typed
$3 text password_hash: Argon2id in PHC format
$4 text role: user, staff or admin
$5 text language: a tag such as de-AT, or null
$6 text traceparent: of the request that signs up, if its spans are exported, or null
Sample: select 'Sample', 'sample-' || gen_random_uuid() || '@example.com', '!', 'user', null::text, null::text
*/
with /* accounts/insert_user */ made as (
    insert into users (name, email, password_hash, role, language)
    values ($1, $2, $3, $4, $5)
    returning id, name, email, role, created_at
),

mail as (
    insert into deliveries (channel, kind, user_id, data)
    select
        'mail',
        'verify_email',
        id,
        case when $6::text is not null then jsonb_build_object('traceparent', $6::text) end
    from made
)

select
    id,
    name,
    email,
    role,
    created_at,
    false as email_verified
from made;
