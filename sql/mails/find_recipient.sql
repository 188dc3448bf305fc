/* mails/find_recipient
Who gets a mail about an account. No row: the person was erased.
Plan: index scan on users_pkey.
$1 bigint user_id: which account
Sample: select min(id) from users
*/
select /* mails/find_recipient */
    name,
    email,
    language,
    email_verified_at is not null as email_verified
from users
where id = $1 and email is not null and erased_at is null;
