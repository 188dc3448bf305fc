/* seed/demo_exists
Whether this database has been given the demo already. The demo's customer says so: accounts are never deleted, while
films, rooms and showtimes may be edited away by whoever tries the administration.
Plan: index scan on users_lower_email_key.
$1 text email: of the demo's customer
Sample: select 'customer@example.com'
*/
select /* seed/demo_exists */
    exists(
        select 1 from users
        where lower(email) = lower($1)
    ) as found;
