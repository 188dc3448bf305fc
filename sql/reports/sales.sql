/* reports/sales
What was sold and given back on some days, each row a day, cinema, film, showtime, ticket type or channel.
A sale counts at its confirmed_at, as it was then: what was changed since is in the first of its reservation_changes. A cancel
counts at its cancelled_at with what the reservation had by then. A partial cancel or an exchange counts at its changed_at: the
seats that are gone are given back, those that are new are sold, and one with the same label, ticket type and price is neither.
A day is one of the showtime's cinema, so the times of $5 and $6 are a day wider on both sides.
No index has confirmed_at, or no confirm would be HOT: the ids tell when a hold was made, and its confirm is in time before it
expires; those that were late have an index of their own, and were confirmed within a hold's life of the expires_at that they got.
reports/begin makes PostgreSQL plan it for its arguments, which leaves out the parts of the other $1.
Cancels are found by a BRIN index: rows that were made in the weeks before and in the period are read.
Plan: index scans on reservations_pkey and archived_reservations_pkey, and on the indexes of migration 0048; hash joins with
showtimes, auditoriums and cinemas.
$1 text grouping: day, cinema, movie, showtime, ticket_type or channel
$2 date first_day: the first day, included
$3 date last_day: the last day, included
$4 bigint cinema_id: only sales for this cinema; null for all
$5 timestamptz since: a day before the first day begins in UTC
$6 timestamptz until: a day after the last day ends in UTC
$7 uuid lowest_id: the lowest id of a hold that can have been confirmed in time since $5
$8 uuid highest_id: the highest id of a hold that was made before $6
$9 bigint row_limit: most rows of the result
Sample: select 'day', current_date - 7, current_date, null::bigint, now() - interval '8 days', now() + interval
'2 days', '00000000-0000-0000-0000-000000000000'::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff'::uuid, 100::bigint
*/
with /* reports/sales */ late as materialized (
    -- noqa: disable=ST10
    select
        id,
        showtime_id,
        user_id,
        confirmed_at,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from reservations
    where
        late
        and expires_at >= $5
        and expires_at < $6::timestamptz + interval '8 days'
        and confirmed_at >= $5
        and confirmed_at < $6
    union all
    select
        id,
        showtime_id,
        user_id,
        confirmed_at,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from archived_reservations
    where
        late
        and expires_at >= $5
        and expires_at < $6::timestamptz + interval '8 days'
        and confirmed_at >= $5
        and confirmed_at < $6
),

confirmed as not materialized (
    select
        id,
        showtime_id,
        user_id,
        confirmed_at,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from reservations
    where id between $7 and $8 and not late and confirmed_at >= $5 and confirmed_at < $6
    union all
    select
        id,
        showtime_id,
        user_id,
        confirmed_at,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from archived_reservations
    where id between $7 and $8 and not late and confirmed_at >= $5 and confirmed_at < $6
    union all
    select * from late
),

changed_later as materialized (
    select distinct on (c.reservation_id)
        c.reservation_id,
        c.showtime_id,
        c.total_price,
        c.seat_ids,
        c.prices,
        c.ticket_type_ids
    from (
        select * from reservation_changes
        where reservation_id between $7 and $8 and status = 'confirmed'
        union all
        select of_late.*
        from late
        inner join reservation_changes as of_late on late.id = of_late.reservation_id
        where late.id not between $7 and $8 and of_late.status = 'confirmed'
    ) as c
    order by c.reservation_id, c.id
),

whole as not materialized (
    select
        false as is_refund,
        r.confirmed_at as at,
        coalesce(c.showtime_id, r.showtime_id) as showtime_id,
        r.user_id,
        coalesce(c.total_price, r.total_price) as total_price,
        coalesce(c.seat_ids, r.seat_ids) as seat_ids,
        coalesce(c.prices, r.prices) as prices,
        coalesce(c.ticket_type_ids, r.ticket_type_ids) as ticket_type_ids
    from confirmed as r
    left join changed_later as c on r.id = c.reservation_id
    union all
    select
        true as is_refund,
        cancelled_at,
        showtime_id,
        user_id,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from reservations
    where cancelled_at >= $5 and cancelled_at < $6 and confirmed_at is not null
    union all
    select
        true as is_refund,
        cancelled_at,
        showtime_id,
        user_id,
        total_price,
        seat_ids,
        prices,
        ticket_type_ids
    from archived_reservations
    where cancelled_at >= $5 and cancelled_at < $6 and confirmed_at is not null
),

-- Seats before a change and after it: the next change has what the reservation was by then, or else its row.
changed_seat as (
    select
        c.changed_at,
        side.showtime_id,
        r.user_id,
        coalesce(seat.ticket_type_id, 1) as ticket_type_id,
        seat.price,
        sum(side.sign) as seats
    from reservation_changes as c
    cross join
        lateral (
            select
                own.user_id,
                own.showtime_id,
                own.row_labels,
                own.seat_numbers,
                own.prices,
                own.ticket_type_ids
            from reservations as own
            where own.id = c.reservation_id
            union all
            select
                own.user_id,
                own.showtime_id,
                own.row_labels,
                own.seat_numbers,
                own.prices,
                own.ticket_type_ids
            from archived_reservations as own
            where own.id = c.reservation_id
        ) as r
    left join
        lateral (
            select
                later.id,
                later.showtime_id,
                later.row_labels,
                later.seat_numbers,
                later.prices,
                later.ticket_type_ids
            from reservation_changes as later
            where later.reservation_id = c.reservation_id and later.id > c.id
            order by later.id
            limit 1
        ) as n
        on true
    cross join
        lateral (
            values
            (-1, c.showtime_id, c.row_labels, c.seat_numbers, c.prices, c.ticket_type_ids),
            (
                1,
                coalesce(n.showtime_id, r.showtime_id),
                coalesce(n.row_labels, r.row_labels),
                coalesce(n.seat_numbers, r.seat_numbers),
                coalesce(n.prices, r.prices),
                coalesce(n.ticket_type_ids, r.ticket_type_ids)
            )
        ) as side (sign, showtime_id, row_labels, seat_numbers, prices, ticket_type_ids)
    cross join
        lateral unnest(side.row_labels, side.seat_numbers, side.prices, side.ticket_type_ids)
            as seat (row_label, seat_number, price, ticket_type_id)
    where c.changed_at >= $5 and c.changed_at < $6 and c.status = 'confirmed'
    group by
        c.reservation_id, c.id, c.changed_at, side.showtime_id, r.user_id, seat.row_label, seat.seat_number,
        coalesce(seat.ticket_type_id, 1), seat.price
    having sum(side.sign) <> 0
),

line as (
    select
        is_refund,
        at,
        showtime_id,
        user_id,
        null::bigint as ticket_type_id,
        cardinality(seat_ids) as seats,
        total_price as amount
    from whole
    where $1 <> 'ticket_type'
    union all
    select
        w.is_refund,
        w.at,
        w.showtime_id,
        w.user_id,
        coalesce(part.ticket_type_id, 1) as ticket_type_id,
        case when w.ticket_type_ids = '{}' then cardinality(w.seat_ids) else 1 end as seats,
        part.price
    from whole as w
    -- Only those with ticket types are taken apart into seats.
    cross join
        lateral unnest(
            case when w.ticket_type_ids = '{}' then array[w.total_price] else w.prices end, w.ticket_type_ids
        ) as part (price, ticket_type_id)
    where $1 = 'ticket_type'
    union all
    select
        seats < 0 as is_refund,
        changed_at,
        showtime_id,
        user_id,
        ticket_type_id,
        abs(seats) as seats,
        price
    from changed_seat
),

-- Whether a time is on one of the days is plain for most: only near their ends the day of a time is computed.
cinema_days as materialized (
    select
        id,
        timezone,
        ($2::date::timestamp at time zone timezone) + interval '3 hours' as surely_since,
        (($3::date + 1)::timestamp at time zone timezone) - interval '3 hours' as surely_until
    from cinemas
    where $4::bigint is null or id = $4
),

keyed as (
    select
        case when $1 = 'day' then (line.at at time zone ci.timezone)::date end as day,
        case $1
            when 'cinema' then ci.id
            when 'movie' then st.movie_id
            when 'showtime' then st.id
            when 'ticket_type' then line.ticket_type_id
        end as id,
        case
            when $1 <> 'channel' then null
            when u.id in (select k.user_id from api_keys as k) then 'api_key'
            when u.made_at_box_office or u.role in ('staff', 'admin') then 'box_office'
            when u.role = 'guest' then 'guest'
            else 'account'
        end as channel,
        line.is_refund,
        line.seats,
        line.amount
    from line
    inner join showtimes as st on line.showtime_id = st.id
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinema_days as ci on a.cinema_id = ci.id
    left join users as u on $1 = 'channel' and line.user_id = u.id
    where
        (line.at >= ci.surely_since and line.at < ci.surely_until)
        or (line.at at time zone ci.timezone)::date between $2 and $3
),

summed as (
    select
        day,
        id,
        channel,
        coalesce(sum(seats) filter (where not is_refund), 0)::bigint as seats,
        coalesce(sum(amount) filter (where not is_refund), 0.00) as revenue,
        coalesce(sum(seats) filter (where is_refund), 0)::bigint as refunded_seats,
        coalesce(sum(amount) filter (where is_refund), 0.00) as refunds
    from keyed
    group by day, id, channel
)

select
    s.day,
    s.id,
    s.channel,
    s.seats,
    s.revenue,
    s.refunded_seats,
    s.refunds,
    cinema.id as cinema_id,
    coalesce(named_cinema.name, cinema.name) as cinema_name,
    coalesce(named_movie.title, movie.title) as movie_title,
    room.name as auditorium_name,
    showtime.starts_at,
    ticket_type.name as ticket_type_name
from summed as s
left join cinemas as named_cinema on $1 = 'cinema' and s.id = named_cinema.id
left join movies as named_movie on $1 = 'movie' and s.id = named_movie.id
left join ticket_types as ticket_type on $1 = 'ticket_type' and s.id = ticket_type.id
left join showtimes as showtime on $1 = 'showtime' and s.id = showtime.id
left join movies as movie on showtime.movie_id = movie.id
left join auditoriums as room on showtime.auditorium_id = room.id
left join cinemas as cinema on room.cinema_id = cinema.id
order by s.day, showtime.starts_at, s.id, s.channel
limit $9;
