/* accounts/fold_email
An e-mail address as it is compared, by the function fold_email of migration 0035.
Plan: a result without a table.
$1 text email: as typed
Sample: select (select email from users order by id limit 1)
*/
select /* accounts/fold_email */ fold_email($1::text);
