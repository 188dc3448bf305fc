/* accounts/find_credentials
What a login is verified with. Always one row: the e-mail address folded by lower(), which depends on the locale of the
database, and the account that has it, or nulls.
Plan: nested loop from the one address to users_lower_email_key.
$1 text email: compared without regard to case
Sample: select (select email from users order by id limit 1)
*/
select /* accounts/find_credentials */
    asked.folded_email,
    u.id,
    u.role,
    u.password_hash,
    u.disabled_at is not null as disabled
from (select lower($1::text) as folded_email) as asked
left join users as u on lower(u.email) = asked.folded_email;
