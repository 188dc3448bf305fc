/* accounts/insert_user
Creates an account; users_folded_email_key refuses an address that is taken, in any spelling.
Plan: one insert.
$1 text name: as the person writes it
$2 text email: as typed
$3 text password_hash: Argon2id in PHC format
$4 text role: user, staff or admin
Sample: select 'Sample', 'sample-' || gen_random_uuid() || '@example.com', '!', 'user'
*/
insert /* accounts/insert_user */ into users (name, email, password_hash, role)
values ($1, $2, $3, $4)
returning id, name, email, role, created_at, email_verified_at is not null as email_verified;
