-- Reservations of showtimes that are still to come, by what they are worth now: live holds, holds that ran out and are not
-- marked yet (retiring waits for HOLD_MAX_SECONDS and a minute, and an hour of it means that it does not run), and the rest.
select
    case
        when r.status <> 'held' then r.status
        when r.expires_at > now() then 'held, live'
        else 'held, ran out'
    end as worth,
    count(*) as reservations,
    count(distinct r.showtime_id) as showtimes,
    min(r.created_at) as oldest,
    date_trunc('seconds', max(now() - r.expires_at) filter (where r.status = 'held' and r.expires_at <= now()))
        as longest_past_its_end
from showtimes as st
inner join reservations as r on st.id = r.showtime_id
where st.starts_at > now()
group by worth
order by reservations desc, worth;
