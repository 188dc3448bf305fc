/* audit/accounts_of_one_address
Finds accounts, and guests of the box office, whose e-mail address is the same as an older one's, as addresses are compared since
migration 0035. They were made before it, and work; what to do is in docs/operator/box-office.md.
Plan: index scan on users_same_address_as_idx.
$1 bigint row_limit: the most findings to name; `found` counts all
Sample: select 10::bigint
*/
select /* audit/accounts_of_one_address */
    format('user %s', u.id) as subject,
    format('has the same e-mail address as user %s', u.same_address_as) as detail,
    count(*) over () as found
from users as u
where u.same_address_as is not null
order by u.id
limit $1;
