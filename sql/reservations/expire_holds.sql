/* reservations/expire_holds
Gives some old holds the status expired, and writes that to the outbox. No booking depends on it, since a row that is held
past its time counts as expired wherever it is read. The table is read in the order of its ids, which is that of time, from an
id that the caller stores: an index on the status would end the HOT updates of confirms. next_id is where to continue: the
first row that is still held, if any, else the last one read; null past the end. A row that another session has locked is left
for the next run.
Plan: index scan on reservations_pkey from first_id on, stopped by the limit, then index scans on reservations_pkey.
$1 uuid first_id: where to begin
$2 bigint age_s: reservations that are younger, by the time in their id, are left alone: seconds
$3 bigint margin_s: how long ago the hold must have ended: seconds
$4 bigint row_limit: most rows to read
Sample: select '00000000-0000-0000-0000-000000000000'::uuid, 1800::bigint, 60::bigint, 1000::bigint
*/
with /* reservations/expire_holds */ read_rows as materialized (
    select
        id,
        status = 'held' as held
    from reservations
    where
        id >= $1
        -- The lowest id of that moment: its first 48 bits are milliseconds.
        and id < (
            lpad(to_hex(floor(extract(epoch from now() - $2::bigint * interval '1 second') * 1000)::bigint), 12, '0')
            || '00000000000000000000'
        )::uuid
    order by id
    limit $4
),

past as materialized (
    select r.id
    from read_rows as l
    inner join reservations as r on l.id = r.id
    where l.held and r.status = 'held' and r.expires_at <= now() - $3::bigint * interval '1 second'
    order by r.id
    for no key update of r skip locked
),

marked as (
    update reservations as r
    set status = 'expired'
    from past
    where r.id = past.id
    returning r.id
),

told as (
    insert into outbox (type, reservation_id)
    select
        'reservation.expired',
        id
    from marked
)

select
    (select count(*) from read_rows) as rows_read,
    (select count(*) from marked) as expired,
    coalesce(
        (
            select l.id from read_rows as l
            where l.held and l.id not in (select past.id from past)
            order by l.id
            limit 1
        ),
        (
            select l.id from read_rows as l
            order by l.id desc
            limit 1
        )
    ) as next_id;
