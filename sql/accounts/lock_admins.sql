/* accounts/lock_admins
Locks every administrator in the order of their ids, so that two demotions at once cannot both be "not the last".
Plan: index scan on users_admin_idx.
*/
select /* accounts/lock_admins */ id
from users
where role = 'admin'
order by id
for no key update;
