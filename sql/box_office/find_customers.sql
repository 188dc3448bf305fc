/* box_office/find_customers
The ids of the account with an e-mail address and of the newest guests with it, compared as a login does.
Plan: index scans on users_lower_email_key and users_guest_email_idx.
$1 text email: as typed
$2 bigint row_limit: most guests
Sample: select (select email from users order by id limit 1), 1000::bigint
*/
select /* box_office/find_customers */ u.id
from users as u
where lower(u.email) = lower($1::text)
union all
(
    select g.id
    from users as g
    where g.guest_email is not null and lower(g.guest_email) = lower($1::text)
    order by g.id desc
    limit $2
);
