/* events/delete_old
Deletes some events that are older than they are kept, the oldest first, and notes how far: a reader of the feed who has not
got that far is told so. Returns how many.
Plan: index scan on events_pkey from event_feed's deleted_through on, stopped by the limit.
$1 bigint kept_days: how long events are kept: days
$2 bigint row_limit: most rows to delete
Sample: select 30::bigint, 1000::bigint
*/
with /* events/delete_old */ feed as materialized (
    select deleted_through
    from event_feed
    where only_row
    for no key update
),

old as materialized (
    select e.id
    from events as e
    where
        e.id = any(array(
            select oldest.id
            from events as oldest
            where
                oldest.id > (
                    select f.deleted_through
                    from feed as f
                )
            order by oldest.id
            limit $2
        ))
        and e.created_at < now() - $1::bigint * interval '1 day'
),

deleted as (
    delete from events as e
    using old
    where e.id = old.id
    returning e.id
),

noted as (
    update event_feed
    set
        deleted_through = (
            select max(d.id)
            from deleted as d
        )
    where only_row and exists (select from deleted)
)

select count(*)
from deleted;
