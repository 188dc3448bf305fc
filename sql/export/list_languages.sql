/* export/list_languages
The languages in which mails to some people are.
Plan: index scan on users_pkey.
$1 bigint[] user_ids: an account, and the guests with its address
Sample: select array[min(id)] from users
*/
select /* export/list_languages */ distinct language
from users
where id = any($1::bigint[]) and language is not null
order by language;
