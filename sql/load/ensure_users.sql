/* load/ensure_users
Inserts the first load users, unless they exist. No password has their password hash: they use minted tokens, and nobody
can log in as one of them.
Plan: function scan, then the inserts; the conflict is found on users_folded_email_key.
$1 integer user_count: how many, from number 1 on
Sample: select 16
*/
insert /* load/ensure_users */ into users (name, email, password_hash)
select
    'Load user ' || load_user.number as name,
    'load-' || lpad(load_user.number::text, 6, '0') || '@load.invalid' as email,
    '!' as password_hash
from generate_series(1, $1::integer) as load_user (number)
order by load_user.number
on conflict (fold_email(email)) where same_address_as is null do nothing;
