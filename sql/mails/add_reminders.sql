/* mails/add_reminders
Adds a reminder for each confirmed reservation of some showtimes that start soon, and notes that it did, in one statement: of two
processes, the second waits for the first and finds nothing to do. A showtime that was moved later by more than the reminder's time
is told again. Returns how many showtimes it has noted.
Plan: index scan on showtimes_status_idx, stopped by the limit; for each showtime one on reminded_showtimes_pkey, then one on
reservations_showtime_id_expires_at_idx, and for each reservation one on users_pkey.
$1 bigint reminder_s: how long before the start, in seconds
$2 bigint row_limit: most showtimes
Sample: select 172800::bigint, 20::bigint
*/
with /* mails/add_reminders */ due as materialized (
    select
        st.id,
        st.starts_at
    from showtimes as st
    where
        st.status = 'scheduled'
        and st.starts_at > now()
        and st.starts_at <= now() + $1::bigint * interval '1 second'
        -- Not a join: with few rows in the table the planner would read all of them.
        and coalesce(
            (
                select done.starts_at
                from reminded_showtimes as done
                where done.showtime_id = st.id
            ),
            '-infinity'
        ) < st.starts_at - $1::bigint * interval '1 second'
    order by st.starts_at, st.id
    limit $2
),

noted as (
    insert into reminded_showtimes as done (showtime_id, starts_at)
    select
        id,
        starts_at
    from due
    order by id
    on conflict (showtime_id) do update
        set starts_at = excluded.starts_at
        where done.starts_at < excluded.starts_at - $1::bigint * interval '1 second'
    returning showtime_id
),

added as (
    insert into deliveries (channel, kind, reservation_id, showtime_id, user_id)
    select
        'mail',
        'reminder',
        r.id,
        r.showtime_id,
        r.user_id
    from noted
    inner join reservations as r on noted.showtime_id = r.showtime_id
    inner join users as u on r.user_id = u.id
    where
        r.status = 'confirmed'
        and u.role <> 'staff'
        and u.erased_at is null
        -- No mail server has such a domain (RFC 6761): the accounts of load tests have one.
        and coalesce(u.email, u.guest_email) not ilike '%.invalid'
)

select count(*)
from noted;
