/* events/has_waiting
Whether events wait in the outbox. The relay asks before it begins a transaction, since most of its runs find no event.
Plan: index only scan on outbox_pkey, stopped by the first row.
$1 bigint after_id: as in move_events
Sample: select 0::bigint
*/
select /* events/has_waiting */ exists(
    select 1
    from outbox as o
    where o.id > $1
) as is_waiting;
