/* accounts/find_credentials
What a login is verified with. Always one row: the e-mail address as it is compared, and the account that has it, or nulls. An account
whose address is the same as an older one's is found by its own spelling, in which only the case may differ.
Plan: index scans on users_folded_email_key, which finds one row at most, and users_same_address_as_idx, where there are few.
$1 text email: as typed
Sample: select (select email from users order by id limit 1)
*/
with /* accounts/find_credentials */ found as (
    select
        o.id,
        o.role,
        o.password_hash,
        o.disabled_at,
        1 as place
    from users as o
    where lower(o.email) = lower($1::text) and o.same_address_as is not null
    union all
    select
        f.id,
        f.role,
        f.password_hash,
        f.disabled_at,
        2 as place
    from users as f
    where fold_email(f.email) = fold_email($1::text) and f.same_address_as is null
    order by place
    limit 1
)

select
    asked.folded_email,
    u.id,
    u.role,
    u.password_hash,
    u.disabled_at is not null as disabled
from (select fold_email($1::text) as folded_email) as asked
left join found as u on true;
