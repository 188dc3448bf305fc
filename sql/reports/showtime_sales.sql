/* reports/showtime_sales
What was sold and given back of one showtime, each row a day of its cinema, a ticket type and a channel.
A reservation goes through states: the first is what was confirmed, each change of its seats ends one and begins the next, and a
cancel ends the last. The seats of a state are sold when it begins and given back when it ends, but for those that the next one
has with the same label, ticket type and price. Reservations that were exchanged for another showtime are found by
reservation_changes.
Plan: index scans on reservations_showtime_id_expires_at_idx, archived_reservations_showtime_id_idx and
reservation_changes_showtime_id_idx, then on reservations_pkey, archived_reservations_pkey and reservation_changes_pkey.
$1 bigint showtime_id: which showtime
Sample: select min(showtime_id) from reservations
*/
with /* reports/showtime_sales */ involved as materialized (
    select id from reservations
    where showtime_id = $1
    union
    select id from archived_reservations
    where showtime_id = $1
    union
    select reservation_id from reservation_changes
    where showtime_id = $1
),

own as materialized (
    select
        r.id,
        r.user_id,
        r.confirmed_at,
        r.cancelled_at,
        r.showtime_id,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.ticket_type_ids
    from involved as i
    inner join reservations as r on i.id = r.id
    where r.confirmed_at is not null
    union all
    select
        r.id,
        r.user_id,
        r.confirmed_at,
        r.cancelled_at,
        r.showtime_id,
        r.row_labels,
        r.seat_numbers,
        r.prices,
        r.ticket_type_ids
    from involved as i
    inner join archived_reservations as r on i.id = r.id
    where r.confirmed_at is not null
),

state as (
    select
        c.reservation_id,
        c.id as place,
        c.changed_at as ended_at,
        c.showtime_id,
        c.row_labels,
        c.seat_numbers,
        c.prices,
        c.ticket_type_ids,
        own.user_id,
        own.confirmed_at
    from own
    inner join reservation_changes as c on own.id = c.reservation_id
    where c.status = 'confirmed'
    union all
    select
        id,
        9223372036854775807 as place,
        cancelled_at,
        showtime_id,
        row_labels,
        seat_numbers,
        prices,
        ticket_type_ids,
        user_id,
        confirmed_at
    from own
),

timed as (
    select
        *,
        coalesce(lag(ended_at) over (partition by reservation_id order by place), confirmed_at) as began_at
    from state
),

seat_moved as (
    select
        moment.at,
        t.user_id,
        coalesce(seat.ticket_type_id, 1) as ticket_type_id,
        seat.price,
        sum(moment.sign) as seats
    from timed as t
    cross join lateral (values (1, t.began_at), (-1, t.ended_at)) as moment (sign, at)
    cross join
        lateral unnest(t.row_labels, t.seat_numbers, t.prices, t.ticket_type_ids)
            as seat (row_label, seat_number, price, ticket_type_id)
    where t.showtime_id = $1 and moment.at is not null
    group by
        t.reservation_id, moment.at, t.user_id, seat.row_label, seat.seat_number, coalesce(seat.ticket_type_id, 1),
        seat.price
    having sum(moment.sign) <> 0
),

keyed as (
    select
        (m.at at time zone ci.timezone)::date as day,
        m.ticket_type_id,
        case
            when u.id in (select k.user_id from api_keys as k) then 'api_key'
            when u.made_at_box_office or u.role in ('staff', 'admin') then 'box_office'
            when u.role = 'guest' then 'guest'
            else 'account'
        end as channel,
        m.seats,
        m.price
    from seat_moved as m
    inner join users as u on m.user_id = u.id
    inner join showtimes as st on st.id = $1
    inner join auditoriums as a on st.auditorium_id = a.id
    inner join cinemas as ci on a.cinema_id = ci.id
),

summed as (
    select
        day,
        ticket_type_id,
        channel,
        coalesce(sum(seats) filter (where seats > 0), 0)::bigint as seats,
        coalesce(sum(price) filter (where seats > 0), 0.00) as revenue,
        coalesce(-sum(seats) filter (where seats < 0), 0)::bigint as refunded_seats,
        coalesce(sum(price) filter (where seats < 0), 0.00) as refunds
    from keyed
    group by day, ticket_type_id, channel
)

select
    s.day,
    s.ticket_type_id,
    t.name as ticket_type_name,
    s.channel,
    s.seats,
    s.revenue,
    s.refunded_seats,
    s.refunds
from summed as s
inner join ticket_types as t on s.ticket_type_id = t.id
order by s.day, s.ticket_type_id, s.channel;
