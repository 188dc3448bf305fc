/* accounts/set_role
Gives an account another role; its row is locked by the caller.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
$2 text role: user, staff or admin
Sample: select min(id), 'staff' from users
*/
update /* accounts/set_role */ users
set
    role = $2,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning
    id,
    name,
    email,
    role,
    created_at,
    email_verified_at is not null as email_verified,
    disabled_at is not null as disabled,
    updated_at;
