/* accounts/set_email_verified
Notes that the owner of an account has confirmed its e-mail address; a second time changes nothing.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
Sample: select (select id from users where role = 'user' order by id limit 1)
*/
update /* accounts/set_email_verified */ users
set
    email_verified_at = now(),
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1 and email_verified_at is null;
