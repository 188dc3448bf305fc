/* events/move_events
Moves rows from the outbox to the events. The order is that of the outbox: two events of one reservation are in it in the
order of their commits, since the second one is written after the first transaction has ended.
Plan: index scan on outbox_pkey, stopped by the limit.
$1 bigint after_id: rows up to this id are not looked for, to pass by what is deleted and not vacuumed yet; 0 for all
$2 bigint row_limit: most rows to move
Sample: select 0::bigint, 500::bigint
*/
with /* events/move_events */ moved as (
    delete from outbox
    where
        id = any(array(
            select o.id
            from outbox as o
            where o.id > $1
            order by o.id
            limit $2
        ))
    returning
        id,
        type,
        reservation_id,
        showtime_id,
        data,
        created_at
),

told as (
    insert into events (type, reservation_id, showtime_id, data, created_at)
    select
        type,
        reservation_id,
        showtime_id,
        data,
        created_at
    from moved
    order by id
    returning id
)

select
    count(*) as moved,
    min(id) as first_event_id,
    max(id) as last_event_id,
    (
        select max(m.id)
        from moved as m
    ) as last_outbox_id
from told;
