/* mails/add_deliveries
Adds the mails that events cause, in the relay's transaction. Customers who only held seats are told when the cinema cancels or
changes the showtime. A showtime may have thousands of reservations: their mails are inserted without being read here.
Staff sell to people at the counter under their own names: they get no mails about it.
Plan: index scan on events_pkey; for each event an index scan on reservations_pkey or on reservations_showtime_id_expires_at_idx, and for
each mail one on users_pkey.
$1 bigint first_event_id: the first of the events that were just moved
$2 bigint last_event_id: the last one
Sample: select max(id), max(id) from events
*/
insert /* mails/add_deliveries */ into deliveries (channel, kind, event_id, reservation_id, showtime_id, user_id, data)
select
    'mail',
    told.kind,
    told.event_id,
    told.reservation_id,
    told.showtime_id,
    told.user_id,
    told.data
from (
    select
        e.id as event_id,
        r.id as reservation_id,
        r.showtime_id,
        r.user_id,
        case e.type
            when 'reservation.confirmed' then 'confirmation'
            when 'reservation.changed' then case when r.confirmed_at < e.created_at then 'change' end
            when 'reservation.cancelled'
                then
                    case
                        when r.confirmed_at is not null or (r.cancelled_by = 'cinema' and r.expires_at > r.cancelled_at) then 'cancellation'
                    end
            -- Other refunds are told by the mail of what caused them.
            when 'payment.refunded' then case when e.data ->> 'reason' in ('not_available', 'overpaid') then 'refund' end
        end as kind,
        case e.type when 'payment.refunded' then jsonb_build_object('amount', e.data -> 'amount') end as data
    from events as e
    inner join reservations as r on e.reservation_id = r.id
    where
        e.id between $1 and $2
        and e.type in ('reservation.confirmed', 'reservation.changed', 'reservation.cancelled', 'payment.refunded')
    union all
    select
        e.id as event_id,
        r.id as reservation_id,
        r.showtime_id,
        r.user_id,
        'showtime_changed' as kind,
        null::jsonb as data
    from events as e
    inner join reservations as r on e.showtime_id = r.showtime_id
    where
        e.id between $1 and $2
        and e.type = 'showtime.changed'
        and e.data -> 'changed'
        ?| '{movie_id, auditorium_id, starts_at, ends_at, format, audio_language, subtitle_language}'::text[]
        and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > now()))
) as told
inner join users as u on told.user_id = u.id
where
    told.kind is not null
    and u.role <> 'staff'
    and u.erased_at is null
    -- No mail server has such a domain (RFC 6761): the accounts of load tests have one.
    and coalesce(u.email, u.guest_email) not ilike '%.invalid'
order by told.event_id, told.reservation_id;
