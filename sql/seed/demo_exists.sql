/* seed/demo_exists
Returns whether this database has the demo data, by the demo's customer: accounts are never deleted, while an
administrator may delete films, rooms and showtimes.
Plan: index scan on users_folded_email_key.
$1 text email: the demo's customer
Sample: select 'customer@example.com'
*/
select /* seed/demo_exists */
    exists(
        select 1 from users
        where fold_email(email) = fold_email($1) and same_address_as is null
    ) as found;
