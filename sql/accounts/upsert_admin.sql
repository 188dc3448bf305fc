/* accounts/upsert_admin
Creates an administrator with this password, or makes the address's account one; an existing account keeps its
name, and is no longer disabled.
Plan: an update by users_same_address_as_idx, where there are few, or else one insert, or an update through
users_folded_email_key.
$1 text name: for a new account
$2 text email: as typed; finds an account as accounts/find_credentials does
$3 text password_hash: Argon2id in PHC format
Sample: select 'Sample', (select email from users order by id limit 1), '!'
*/
with /* accounts/upsert_admin */ by_spelling as (
    update users as o
    set
        role = 'admin',
        password_hash = $3,
        disabled_at = null,
        updated_at = greatest(clock_timestamp(), o.updated_at + interval '1 microsecond')
    where lower(o.email) = lower($2::text) and o.same_address_as is not null
    returning o.id, o.name, o.email, o.role, o.created_at, o.email_verified_at
),

made as (
    insert into users as u (name, email, password_hash, role)
    select
        $1,
        $2,
        $3,
        'admin'
    where not exists (select from by_spelling)
    on conflict (fold_email(email)) where same_address_as is null do update
        set
            role = 'admin',
            password_hash = excluded.password_hash,
            disabled_at = null,
            updated_at = greatest(clock_timestamp(), u.updated_at + interval '1 microsecond')
    returning u.id, u.name, u.email, u.role, u.created_at, u.email_verified_at
)

select
    id,
    name,
    email,
    role,
    created_at,
    email_verified_at is not null as email_verified
from by_spelling
union all
select
    id,
    name,
    email,
    role,
    created_at,
    email_verified_at is not null as email_verified
from made;
