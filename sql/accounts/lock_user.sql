/* accounts/lock_user
Locks an account against other writers, but not against readers and foreign keys. The next statement of the transaction
sees what the writer before committed. No row for an account that was erased.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
Sample: select min(id) from users
*/
select /* accounts/lock_user */ id
from users
where id = $1 and erased_at is null
for no key update;
