/* accounts/find_credentials
What a login is checked against.
Plan: index scan on users_lower_email_key.
$1 text email: compared without regard to case
*/
select
    id,
    role,
    password_hash
from users
where lower(email) = lower($1);
