/* accounts/set_password
Gives an account another password, if the one that was verified is still the account's. The row lock orders this against logins:
see accounts/open_session. The sessions are revoked by the next statement, which sees those of logins that this one waited for.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
$2 text password_hash: Argon2id in PHC format
$3 text verified_hash: that of the password that was verified; null where a mailed token was
Sample: select min(id), '!', null::text from users
*/
update /* accounts/set_password */ users
set
    password_hash = $2,
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where id = $1 and ($3::text is null or password_hash = $3)
returning id;
