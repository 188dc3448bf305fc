/* box_office/find_customers
The ids of the accounts with an e-mail address, as accounts/list_by_email finds them, and of the newest guests with it.
Plan: index scans on users_folded_email_key, users_same_address_as_idx and users_folded_guest_email_idx.
$1 text email: as typed
$2 bigint row_limit: most guests
Sample: select (select email from users order by id limit 1), 1000::bigint
*/
with /* box_office/find_customers */ account as materialized (
    select a.id
    from users as a
    where fold_email(a.email) = fold_email($1::text) and a.same_address_as is null
)

select account.id
from account
union all
select o.id
from account
inner join users as o on account.id = o.same_address_as
where o.same_address_as is not null and o.email is not null
union all
(
    select g.id
    from users as g
    where g.guest_email is not null and fold_email(g.guest_email) = fold_email($1::text)
    order by g.id desc
    limit $2
);
