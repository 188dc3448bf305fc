/* load/list_user_ids
Returns the ids of all load users, those of --remote included.
Plan: one pass over users; an index on e-mail addresses would serve this statement alone.
*/
select /* load/list_user_ids */ id
from users
where email ~ '^(remote-)?load-[0-9]{6,}@load\.invalid$'
order by id;
