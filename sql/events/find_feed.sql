/* events/find_feed
How far the feed of events has been deleted, and which event has a place in it: after a restore of the database, another one
or none.
Plan: scan of event_feed, which has one row, and index scan on events_pkey.
$1 bigint position: the id of the event
Sample: select max(id) from events
*/
select /* events/find_feed */
    f.deleted_through,
    (
        select e.event_id
        from events as e
        where e.id = $1
    ) as event_id
from event_feed as f
where f.only_row;
