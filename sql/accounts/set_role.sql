/* accounts/set_role
Gives an account another role.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
$2 text role: user, staff or admin
*/
update users
set
    role = $2,
    updated_at = now()
where id = $1
returning id, name, email, role, created_at;
