/* reservations/list_reservations
A page of a user's reservations, newest first, archived ones included; a hold past its time counts as expired.
A page reads a limited number of rows, however many the user has and however few of them have the wanted status: an index
on the status would end the HOT updates of confirms. is_last_read marks the row at which the limit was reached. It is in
the result whatever its status, so that the caller knows where the next page begins.
Archived reservations may be newer than others, so the page is made of the newest rows of both tables. A hold is not older
than a week (the highest HOLD_MAX_SECONDS), so a list of holds ends there.
The common table expressions are not materialized, since PostgreSQL 16 and older would sort them.
Plan: index scans on reservations_user_id_idx and archived_reservations_user_id_idx, each stopped by the limit; then for each
reservation of the page index scans on showtimes_pkey, movies_pkey, auditoriums_pkey and cinemas_pkey.
$1 bigint user_id: whose
$2 timestamptz before: creation of the last one of the page before; a time far ahead for the first page
$3 uuid before_id: its id; the highest one for the first page
$4 text status: only these; null for any
$5 bigint row_limit: most rows of the result
$6 bigint read_limit: most rows to read of each table
Sample: select (select user_id from reservations order by id desc limit 1), now() + interval '1 year',
'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, null::text, 50::bigint, 50::bigint
*/
with /* reservations/list_reservations */ kept as not materialized (
    select
        r.id,
        r.code,
        r.showtime_id,
        case when r.status = 'held' and r.expires_at <= now() then 'expired' else r.status end as status,
        r.total_price,
        r.created_at,
        r.expires_at,
        r.confirmed_at,
        r.cancelled_at,
        r.cancelled_by,
        r.reference,
        r.metadata,
        r.late,
        r.seat_ids,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.ticket_type_ids
    from reservations as r
    where
        r.user_id = $1
        and (r.created_at, r.id) < ($2, $3)
        and r.created_at > case $4::text when 'held' then now() - interval '8 days' else '-infinity' end
    order by r.created_at desc, r.id desc
    limit $6
),

archived as not materialized (
    select
        a.id,
        a.code,
        a.showtime_id,
        a.status,
        a.total_price,
        a.created_at,
        a.expires_at,
        a.confirmed_at,
        a.cancelled_at,
        a.cancelled_by,
        a.reference,
        a.metadata,
        a.late,
        a.seat_ids,
        a.row_labels,
        a.seat_numbers,
        a.prices,
        a.ticket_type_ids
    from archived_reservations as a
    where
        a.user_id = $1
        and (a.created_at, a.id) < ($2, $3)
        and a.created_at > case $4::text when 'held' then now() - interval '8 days' else '-infinity' end
    order by a.created_at desc, a.id desc
    limit $6
),

newest as not materialized (
    select *
    from kept
    union all
    select *
    from archived
    order by created_at desc, id desc
    limit $6
),

numbered as not materialized (
    select
        *,
        row_number() over (order by created_at desc, id desc) as number
    from newest
),

page as not materialized (
    select *
    from numbered
    where $4::text is null or status = $4 or number = $6
    order by created_at desc, id desc
    limit $5
)

select
    r.id,
    r.code,
    r.showtime_id,
    r.status,
    r.total_price::text as total_price,
    r.created_at,
    r.expires_at,
    r.confirmed_at,
    r.cancelled_at,
    r.cancelled_by,
    r.reference,
    r.metadata,
    r.late,
    r.seat_ids,
    r.row_labels,
    r.seat_numbers,
    r.prices::text[] as prices,
    r.ticket_type_ids,
    array(
        select t.name
        from unnest(r.ticket_type_ids) with ordinality as own (id, place)
        inner join ticket_types as t on own.id = t.id
        order by own.place
    ) as ticket_type_names,
    (
        select t.name
        from ticket_types as t
        where t.id = 1
    ) as standard_name,
    st.starts_at,
    st.ends_at,
    st.status as showtime_status,
    st.movie_id,
    st.movie_title,
    st.auditorium_id,
    st.auditorium_name,
    st.cinema_id,
    st.cinema_name,
    st.cinema_timezone,
    r.number = $6 as is_last_read
from page as r
-- One lookup each: for a join, the planner would read all showtimes.
cross join
    lateral (
        select
            own.starts_at,
            own.ends_at,
            own.status,
            own.movie_id,
            m.title as movie_title,
            own.auditorium_id,
            a.name as auditorium_name,
            a.cinema_id,
            c.name as cinema_name,
            c.timezone as cinema_timezone
        from showtimes as own
        inner join movies as m on own.movie_id = m.id
        inner join auditoriums as a on own.auditorium_id = a.id
        inner join cinemas as c on a.cinema_id = c.id
        where own.id = r.showtime_id
        order by own.id
        limit 1
    ) as st
order by r.created_at desc, r.id desc;
