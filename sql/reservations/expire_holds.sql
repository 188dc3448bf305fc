/* reservations/expire_holds
Writes down of some old holds that they have run out; nothing depends on it, since a row that is held past its time counts
as expired wherever it is read. Goes through the table in the order of its ids, which is that of time, from a mark that the
caller keeps: an index that knows the status would end the HOT updates of every confirm. Answers where to go on, which is the
first row that is still held, if any, else the last one looked at; null past the end. A row that somebody has locked is
left for the next time, so the job waits for nobody.
Plan: index scan on reservations_pkey from the mark on, stopped by the limit, then index scans on reservations_pkey.
$1 uuid mark: the first one to look at
$2 bigint age_s: younger ones, by the time in the id, are left alone: seconds
$3 bigint margin_s: so long ago must the hold have ended: seconds
$4 bigint row_limit: look at so many at most
Sample: select '00000000-0000-0000-0000-000000000000'::uuid, 1800::bigint, 60::bigint, 1000::bigint
*/
with /* reservations/expire_holds */ looked_at as materialized (
    select
        id,
        status = 'held' as held
    from reservations
    where
        id >= $1
        -- The lowest UUIDv7 of that moment: its first 48 bits are milliseconds.
        and id < (
            lpad(to_hex(floor(extract(epoch from now() - $2::bigint * interval '1 second') * 1000)::bigint), 12, '0')
            || '00000000000000000000'
        )::uuid
    order by id
    limit $4
),

past as materialized (
    select r.id
    from looked_at as l
    inner join reservations as r on l.id = r.id
    where l.held and r.status = 'held' and r.expires_at <= now() - $3::bigint * interval '1 second'
    order by r.id
    for no key update of r skip locked
),

retired as (
    update reservations as r
    set status = 'expired'
    from past
    where r.id = past.id
    returning r.id
)

select
    (select count(*) from looked_at) as looked_at,
    (select count(*) from retired) as retired,
    coalesce(
        (
            select l.id from looked_at as l
            where l.held and l.id not in (select past.id from past)
            order by l.id
            limit 1
        ),
        (
            select l.id from looked_at as l
            order by l.id desc
            limit 1
        )
    ) as mark;
