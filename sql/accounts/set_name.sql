/* accounts/set_name
Gives an account or a guest another name. No row if the person was erased meanwhile.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
$2 text name: as the person writes it
Sample: select min(id), 'Sample' from users
*/
update /* accounts/set_name */ users
set
    name = $2,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1 and erased_at is null
returning
    id,
    name,
    coalesce(email, guest_email) as email,
    role,
    created_at,
    email_verified_at is not null as email_verified;
