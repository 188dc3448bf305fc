/* seed/insert_users
Inserts the demo's accounts. An account whose e-mail address exists is left as it is.
Plan: function scan, then the inserts; the conflict is found on users_folded_email_key.
$1 text[] names: their names
$2 text[] emails: their e-mail addresses
$3 text[] password_hashes: Argon2id, PHC format
$4 text[] roles: user, staff or admin
Sample: select array['Sample'], array['sample@example.com'], array['!'], array['user']
*/
insert /* seed/insert_users */ into users (name, email, password_hash, role)
select
    new_user.name,
    new_user.email,
    new_user.password_hash,
    new_user.role
from unnest($1::text[], $2::text[], $3::text[], $4::text[]) as new_user (name, email, password_hash, role)
on conflict (fold_email(email)) where same_address_as is null do nothing;
