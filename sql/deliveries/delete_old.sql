/* deliveries/delete_old
Deletes some deliveries that ended longer ago than events are kept. Returns the last id that was looked at, where the next run
goes on; null at the end.
Plan: index scan on deliveries_pkey, stopped by the limit.
$1 bigint after_id: those up to this id were looked at; 0 to begin
$2 bigint kept_days: how long they are kept after their end: days
$3 bigint row_limit: most rows to look at
Sample: select 0::bigint, 30::bigint, 1000::bigint
*/
with /* deliveries/delete_old */ page as materialized (
    select
        id,
        ended_at
    from deliveries
    where id > $1
    order by id
    limit $3
),

deleted as (
    delete from deliveries
    where
        id = any(array(
            select p.id
            from page as p
            where p.ended_at < now() - $2::bigint * interval '1 day'
        ))
)

select max(id)
from page;
