-- Reservations of coming showtimes by status: live holds, expired holds whose status is still held, and the rest. The
-- expire job changes expired holds HOLD_MAX_SECONDS and a minute after their end; if one is an hour late, it does not run.
select
    case
        when r.status <> 'held' then r.status
        when r.expires_at > now() then 'held, live'
        else 'held, expired'
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
