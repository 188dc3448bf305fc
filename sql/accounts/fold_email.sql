/* accounts/fold_email
An e-mail address folded by lower() to compare accounts, which depends on the locale of the database.
Plan: a result without a table.
$1 text email: as typed
Sample: select (select email from users order by id limit 1)
*/
select /* accounts/fold_email */ lower($1::text);
