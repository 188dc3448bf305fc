/* accounts/find_user
One account or guest by its id.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
Sample: select min(id) from users
*/
select /* accounts/find_user */
    id,
    name,
    coalesce(email, guest_email) as email,
    role,
    created_at,
    email_verified_at is not null as email_verified,
    disabled_at is not null as disabled,
    updated_at
from users
where id = $1;
