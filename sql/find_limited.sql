/* find_limited
Which of some holds a limit of their users refuses, and the limit: the function that reservations/insert_held and
reservations/find_limit call, as migration 0055 made it. This file is no statement of the service. To change the function,
change a copy and run it with psql as the owner of the tables; it holds from the next hold on, in all workers.
It is a function and not a part of insert_held, because a statement sees only what was committed before it began: part of a
statement that waits for the lock of a user would not see the hold for which it has waited. Each statement in a function has
a snapshot of its own. The function takes 10 to 20 us more than the same SQL in the statement would, in plpgsql as in SQL,
and nothing where no hold is limited, since it is not called.
Plan: index scans on users_pkey, reservations_user_id_idx and, for unconfirmed holds alone, reservation_changes_pkey.
hold_ids, user_ids, showtime_ids, seats: the holds; a hold does not count itself
most_holds, most_seats: their limits; null for none
longest_s: the longest life of a hold in seconds, 0 if no live holds are counted
seat_ids: the seats of each hold, an array in PostgreSQL's text form
most_unconfirmed: how often their users may have held one of the seats without confirming; null for no limit
cooling_s: for how many seconds from its beginning such a hold counts
*/
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
            asked.most_holds <= recent.holds as has_holds,
            asked.most_seats < asked.seats + (
                select coalesce(sum(cardinality(r.seat_ids)), 0)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.showtime_id = asked.showtime_id
                    and r.id <> asked.hold_id
                    and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > clock_timestamp()))
            ) as has_seats,
            asked.most_unconfirmed * 10 <= recent.tenths as has_unconfirmed
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
                    count(*) filter (
                        where r.created_at > oldest and r.status = 'held' and r.expires_at > clock_timestamp()
                    ) as holds,
                    -- Ten that were given up at once, as customers do who choose other seats, count as one.
                    coalesce(sum(
                        case when r.cancelled_at < r.created_at + interval '30 seconds' then 1 else 10 end
                    ) filter (
                        where
                        asked.most_unconfirmed is not null
                        and r.confirmed_at is null
                        and r.created_at > cooling_since
                        -- The service itself cancels a hold that it does not answer.
                        and (r.cancelled_at is null or r.cancelled_by is not null)
                        and (
                            (r.showtime_id = asked.showtime_id and r.seat_ids && asked.seat_ids)
                            -- Seats that a hold had, and gave up before its end, count as well.
                            or exists (
                                select
                                from reservation_changes as c
                                where
                                    c.reservation_id = r.id
                                    and c.showtime_id = asked.showtime_id
                                    and c.seat_ids && asked.seat_ids
                            )
                        )
                    ), 0) as tenths
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.created_at > case
                        when asked.most_unconfirmed is null then oldest
                        else least(oldest, cooling_since)
                    end
                    and r.id <> asked.hold_id
            ) as recent
    ) as counted
    where counted.has_holds or counted.has_seats or counted.has_unconfirmed;
end
$$;

comment on function find_limited(
    uuid[], bigint[], bigint[], integer[], integer[], integer[], bigint, text[], integer[], bigint
) is
'Which of some holds a limit of their users refuses, and the limit. Locks the users until the end of the transaction, so that
of two holds at once the second is counted after the first is committed. Null in place of a limit: none. A hold does not count
itself.';
