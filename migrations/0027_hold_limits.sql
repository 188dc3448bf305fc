-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file ban-concurrent-index-creation-in-transaction, prefer-robust-stmts, ban-drop-constraint, constraint-missing-not-valid
-- What the limits on holds count: the live holds of a user, and the user's seats in a showtime. The showtime's id becomes the
-- last column of reservations_user_id_idx, so that the seats are found in the index without reading all reservations of the
-- user. The new index is built beside the old one, which the version that is running goes on using; it does not call the
-- function. The migration may be run again from its beginning.
-- Longest lock: access exclusive on reservations, for the change of the index's name: less than
-- 2 ms; 1.2 s in all with a million reservations.

set lock_timeout = '5s';

drop index concurrently if exists reservations_user_id_new_idx;

create index concurrently reservations_user_id_new_idx on reservations (user_id, created_at desc, id desc, showtime_id);

drop index concurrently if exists reservations_user_id_idx;

-- squawk-ignore renaming-object
alter index reservations_user_id_new_idx rename to reservations_user_id_idx;

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
