/* accounts/list_by_email
A page of the account and the guests with an e-mail address, compared as a login does, in the order of their ids.
Plan: index scans on users_lower_email_key, which finds one row at most, and users_guest_email_idx, merged by id.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
$3 text email: as typed
$4 text[] roles: only users with one of them
Sample: select 0::bigint, 50::bigint, (select email from users order by id limit 1), array['user', 'guest']
*/
with /* accounts/list_by_email */ found as (
    select
        u.id,
        u.name,
        u.email,
        u.role,
        u.created_at,
        u.email_verified_at,
        u.disabled_at
    from users as u
    where lower(u.email) = lower($3::text) and u.id > $1 and u.role = any($4::text[])
    union all
    (
        select
            g.id,
            g.name,
            g.guest_email as email,
            g.role,
            g.created_at,
            g.email_verified_at,
            g.disabled_at
        from users as g
        where
            g.guest_email is not null
            and lower(g.guest_email) = lower($3::text)
            and g.id > $1
            and g.role = any($4::text[])
        order by g.id
        limit $2
    )
)

select
    id,
    name,
    email,
    role,
    created_at,
    email_verified_at is not null as email_verified,
    disabled_at is not null as disabled
from found
order by id
limit $2;
