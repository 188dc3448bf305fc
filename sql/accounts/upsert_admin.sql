/* accounts/upsert_admin
Creates an administrator with this password, or makes the address's account one; an existing account keeps its
name, and is no longer disabled.
Plan: one insert, or an update through users_lower_email_key.
$1 text name: for a new account
$2 text email: compared without regard to case
$3 text password_hash: Argon2id in PHC format
Sample: select 'Sample', (select email from users order by id limit 1), '!'
*/
insert /* accounts/upsert_admin */ into users (name, email, password_hash, role)
values ($1, $2, $3, 'admin')
on conflict (lower(email)) do update
    set
        role = 'admin',
        password_hash = excluded.password_hash,
        disabled_at = null,
        updated_at = greatest(clock_timestamp(), users.updated_at + interval '1 microsecond')
returning id, name, email, role, created_at, email_verified_at is not null as email_verified;
