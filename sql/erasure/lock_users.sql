/* erasure/lock_users
Locks an account and guests before they are erased, in the order of their ids. A login waits, and finds the account disabled. FOR
UPDATE also waits for holds that are being inserted, and lets later ones wait: a trigger leaves out their reference and metadata.
Plan: index scan on users_pkey.
$1 bigint[] user_ids: whom
Sample: select array[min(id)] from users
*/
select /* erasure/lock_users */ id
from users
where id = any($1::bigint[])
order by id
for update;
