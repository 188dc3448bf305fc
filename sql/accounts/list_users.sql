/* accounts/list_users
A page of the users with some roles, in the order of their ids. Guests may be many more than accounts, so each role is read by
itself.
Plan: for each role an index scan on users_role_idx, stopped by the limit.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
$3 text[] roles: each once
Sample: select 0::bigint, 50::bigint, array['user', 'staff', 'admin']
*/
with /* accounts/list_users */ found as materialized (
    select
        each.id,
        each.name,
        each.email,
        each.role,
        each.created_at,
        each.email_verified,
        each.disabled
    from unnest($3::text[]) as asked (role)
    cross join
        lateral ( -- noqa: ST05
            select
                u.id,
                u.name,
                coalesce(u.email, u.guest_email) as email,
                u.role,
                u.created_at,
                u.email_verified_at is not null as email_verified,
                u.disabled_at is not null as disabled
            from users as u
            -- Not `u.role = asked.role`: the planner would read users_pkey, and all the guests in it.
            where (u.role, u.id) > (asked.role, $1::bigint) and u.role <= asked.role
            order by u.role, u.id
            limit $2
        ) as each
)

select
    id,
    name,
    email,
    role,
    created_at,
    email_verified,
    disabled
from found
order by id
limit $2;
