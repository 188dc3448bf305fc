/* load/list_user_ids
Every load user there is, those of --remote included.
Plan: one pass over users; an index on addresses would have to be kept for this alone.
*/
select /* load/list_user_ids */ id
from users
where email ~ '^(remote-)?load-[0-9]{6,}@load\.invalid$'
order by id;
