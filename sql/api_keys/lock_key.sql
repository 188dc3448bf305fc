/* api_keys/lock_key
Locks a key against other writers, but not against readers. The next statement of the transaction sees what the writer
before committed.
Plan: index scan on api_keys_pkey.
$1 bigint key_id: which
Sample: select max(id) from api_keys
*/
select /* api_keys/lock_key */ id
from api_keys
where id = $1
for no key update;
