/* accounts/list_by_email
A page of the account and the guests with an e-mail address, in the order of their ids; with the account also those whose address is
the same as its own.
Plan: index scans on users_folded_email_key, which finds one row at most, users_same_address_as_idx, where there are few, and
users_folded_guest_email_idx, merged by id.
$1 bigint after: the last id of the page before; 0 for the first page
$2 bigint row_limit: most rows to answer
$3 text email: as typed
$4 text[] roles: only users with one of them
Sample: select 0::bigint, 50::bigint, (select email from users order by id limit 1), array['user', 'guest']
*/
with /* accounts/list_by_email */ account as materialized (
    select a.id
    from users as a
    where fold_email(a.email) = fold_email($3::text) and a.same_address_as is null
),

found as (
    select
        u.id,
        u.name,
        u.email,
        u.role,
        u.created_at,
        u.email_verified_at,
        u.disabled_at
    from users as u
    inner join account on u.id = account.id
    where u.id > $1 and u.role = any($4::text[])
    union all
    select
        o.id,
        o.name,
        o.email,
        o.role,
        o.created_at,
        o.email_verified_at,
        o.disabled_at
    from users as o
    inner join account on o.same_address_as = account.id
    where o.same_address_as is not null and o.id > $1 and o.role = any($4::text[])
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
            and fold_email(g.guest_email) = fold_email($3::text)
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
