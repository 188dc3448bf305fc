set local lock_timeout = '5s';

create or replace function find_limited(
    hold_ids uuid[],
    user_ids bigint[],
    showtime_ids bigint[],
    seats integer[],
    most_holds integer[],
    most_seats integer[],
    longest_s bigint,
    seat_ids text[],
    most_unconfirmed integer[],
    cooling_s bigint
)
returns table (hold_id uuid, reached text)
language plpgsql
as $$
declare
    -- No hold that was made before can be live.
    oldest timestamptz := now() - longest_s * interval '1 second';
    cooling_since timestamptz := now() - cooling_s * interval '1 second';
begin
    perform set_config('lock_timeout', '300ms', true);
    perform u.id
    from users as u
    where u.id = any(user_ids)
    order by u.id
    for no key update;
    -- Another statement with a snapshot of its own: it sees what was committed before the locks were got.
    return query
    select
        counted.hold_id,
        case
            when counted.has_holds then 'MAX_HOLDS_PER_USER'
            when counted.has_seats then 'MAX_SEATS_PER_USER_PER_SHOWTIME'
            else 'MAX_UNCONFIRMED_HOLDS_OF_SEAT'
        end
    from (
        select
            asked.hold_id,
            asked.most_holds <= (
                select count(*)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.created_at > oldest
                    and r.status = 'held'
                    and r.expires_at > clock_timestamp()
                    and r.id <> asked.hold_id
            ) as has_holds,
            asked.most_seats < asked.seats + own.seats as has_seats,
            asked.most_unconfirmed <= own.unconfirmed as has_unconfirmed
        from (
            select
                each.*,
                each.seat_list::bigint[] as seat_ids
            from unnest(hold_ids, user_ids, showtime_ids, seats, most_holds, most_seats, seat_ids, most_unconfirmed)
                as each (hold_id, user_id, showtime_id, seats, most_holds, most_seats, seat_list, most_unconfirmed)
            offset 0 -- so that the seats are read once
        ) as asked
        cross join
            lateral (
                select
                    coalesce(sum(cardinality(r.seat_ids)) filter (
                        where r.status = 'confirmed' or (r.status = 'held' and r.expires_at > clock_timestamp())
                    ), 0) as seats,
                    -- Seats that a hold had, and gave up before its end, count as well.
                    count(*) filter (
                        where
                        r.confirmed_at is null
                        and r.created_at > cooling_since
                        and asked.most_unconfirmed is not null
                        and (
                            r.seat_ids && asked.seat_ids
                            or exists (
                                select
                                from reservation_changes as c
                                where c.reservation_id = r.id and c.seat_ids && asked.seat_ids
                            )
                        )
                    ) as unconfirmed
                from reservations as r
                where r.user_id = asked.user_id and r.showtime_id = asked.showtime_id and r.id <> asked.hold_id
            ) as own
    ) as counted
    where counted.has_holds or counted.has_seats or counted.has_unconfirmed;
end
$$;
