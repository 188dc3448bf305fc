/* find_limited
Which of some holds a limit of their users refuses, and the limit: the function that reservations/insert_held and
reservations/find_limit call, as migration 0027 made it. This file is no statement of the service. To change the function,
change a copy and run it with psql as the owner of the tables; it holds from the next hold on, in all workers.
It is a function and not a part of insert_held, because a statement sees only what was committed before it began: part of a
statement that waits for the lock of a user would not see the hold for which it has waited. Each statement in a function has
a snapshot of its own. The function takes 10 to 20 us more than the same SQL in the statement would, in plpgsql as in SQL,
and nothing where no hold is limited, since it is not called.
Plan: index scans on users_pkey and reservations_user_id_idx.
hold_ids, user_ids, showtime_ids, seats: the holds; a hold does not count itself
most_holds, most_seats: their limits; null for none
longest_s: the longest life of a hold in seconds, 0 if no live holds are counted
*/
create or replace function find_limited(
    hold_ids uuid[],
    user_ids bigint[],
    showtime_ids bigint[],
    seats integer[],
    most_holds integer[],
    most_seats integer[],
    longest_s bigint
)
returns table (hold_id uuid, reached text)
language plpgsql
as $$
declare
    -- No hold that was made before can be live.
    oldest timestamptz := now() - longest_s * interval '1 second';
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
        case when counted.has_holds then 'MAX_HOLDS_PER_USER' else 'MAX_SEATS_PER_USER_PER_SHOWTIME' end
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
            asked.most_seats < asked.seats + (
                select coalesce(sum(cardinality(r.seat_ids)), 0)
                from reservations as r
                where
                    r.user_id = asked.user_id
                    and r.showtime_id = asked.showtime_id
                    and r.id <> asked.hold_id
                    and (r.status = 'confirmed' or (r.status = 'held' and r.expires_at > clock_timestamp()))
            ) as has_seats
        from unnest(hold_ids, user_ids, showtime_ids, seats, most_holds, most_seats)
            as asked (hold_id, user_id, showtime_id, seats, most_holds, most_seats)
    ) as counted
    where counted.has_holds or counted.has_seats;
end
$$;

comment on function find_limited is
'Which of some holds a limit of their users refuses, and the limit. Locks the users until the end of the transaction, so that
of two holds at once the second is counted after the first is committed. Null in place of a limit: none. A hold does not count
itself.';
