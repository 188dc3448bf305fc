/* accounts/lock_admins
Locks all administrators in the order of their ids, so that two concurrent demotions cannot remove the last two.
Plan: index scan on users_admin_idx.
*/
select /* accounts/lock_admins */ id
from users
where role = 'admin'
order by id
for no key update;
