/* seed/generate_users
Inserts customers who share one password hash: hashing a million passwords would take hours.
Plan: function scan, then the inserts.
$1 text tag: part of the e-mail addresses, unique to this run
$2 integer first_number: number of the first customer
$3 integer user_count: how many
$4 text password_hash: Argon2id, PHC format
Sample: select 'sample', 1, 16, '!'
*/
insert /* seed/generate_users */ into users (name, email, password_hash)
select
    'Customer ' || customer.number as name,
    'load-' || $1 || '-' || customer.number || '@example.com' as email,
    $4 as password_hash
from generate_series($2::integer, $2::integer + $3::integer - 1) as customer (number)
order by customer.number
returning id;
