/* accounts/set_disabled
Disables an account or guest, or enables it again; its row is locked by the caller. To disable it again keeps the first time.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
$2 boolean disabled: whether it may not log in
Sample: select min(id), false from users
*/
update /* accounts/set_disabled */ users
set
    disabled_at = case when $2::boolean then coalesce(disabled_at, now()) end,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1
returning
    id,
    name,
    coalesce(email, guest_email) as email,
    role,
    created_at,
    email_verified_at is not null as email_verified,
    disabled_at is not null as disabled,
    updated_at;
