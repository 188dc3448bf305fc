/* accounts/lock_user
Locks an account against other writers; readers and the foreign keys of sessions and reservations go on. What the
writer before has committed is then visible to the next statement of the transaction.
Plan: index scan on users_pkey.
$1 bigint user_id: whose
Sample: select min(id) from users
*/
select /* accounts/lock_user */ id
from users
where id = $1
for no key update;
