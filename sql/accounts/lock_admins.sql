/* accounts/lock_admins
Locks all administrators who are not disabled, in the order of their ids, so that two concurrent changes cannot remove the
last two.
Plan: index scan on users_admin_idx.
*/
select /* accounts/lock_admins */ id
from users
where role = 'admin' and disabled_at is null
order by id
for no key update;
