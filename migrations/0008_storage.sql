-- Storage that stays healthy: an archive for old reservations, two indexes less, and autovacuum set for how each of the hot
-- tables is used. It can be applied beside the version that is running.

set local lock_timeout = '5s';

-- Reservations of showtimes that are long over, one row each, with its seats in arrays: `reservation archive` moves them.
-- What is shown of a reservation is here, labels included, so that seats can be taken out of a room. The showtime stays:
-- one that was ever reserved is not deleted. No foreign key to users, who are never deleted.
create table archived_reservations (
    id uuid not null,
    user_id bigint not null,
    showtime_id bigint not null,
    status text not null,
    total_price numeric(14, 2) not null,
    created_at timestamptz not null,
    expires_at timestamptz not null,
    first_expires_at timestamptz,
    confirmed_at timestamptz,
    cancelled_at timestamptz,
    seat_ids bigint[] not null,
    row_labels text[] not null,
    seat_numbers integer[] not null,
    prices numeric(12, 2)[] not null,
    constraint archived_reservations_pkey primary key (id),
    constraint archived_reservations_showtime_id_fkey foreign key (showtime_id) references showtimes (id),
    constraint archived_reservations_status_check check (status in ('confirmed', 'cancelled', 'expired')),
    constraint archived_reservations_seats_check check (
        cardinality(row_labels) = cardinality(seat_ids)
        and cardinality(seat_numbers) = cardinality(seat_ids)
        and cardinality(prices) = cardinality(seat_ids)
    )
);
create index archived_reservations_user_id_idx on archived_reservations (user_id, created_at desc, id desc);
create index archived_reservations_showtime_id_idx on archived_reservations (showtime_id);

do $$
begin
    -- The service only reads it: what the default privileges of 0007 say of new tables is too much.
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke insert, update on archived_reservations from reservation_app;
    end if;
end
$$;

comment on table archived_reservations is 'Reservations of showtimes that are long over, moved here by `reservation archive`.';
comment on column archived_reservations.status is 'How it ended: a hold that nobody confirmed is expired.';
comment on column archived_reservations.seat_ids is
'In the order of the seat map, as are the labels, numbers and prices; a confirmed reservation owned all of them.';

-- Nothing looks for sessions by their end alone: those of an account are swept at its next login. And every refresh moves
-- the end, which for the sake of this index was a new entry in each of the three.
-- Within the transaction, where dropping takes milliseconds, instead of a migration of its own.
-- squawk-ignore require-concurrent-index-deletion
drop index login_sessions_expires_at_idx;

-- Its one statement asks for a genre or for any, and every statement has one plan, whatever its arguments: that of
-- movies_pkey. So nothing ever read this one. A chain's films are few enough to read through.
-- squawk-ignore require-concurrent-index-deletion
drop index movies_lower_genre_idx;

-- Room for the next refresh beside the last, so that it stays in its page (a HOT update).
alter table login_sessions set (
    fillfactor = 80,
    -- Updated for ever and never growing: what is dead is to be a twentieth at most, not a fifth.
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 1000
);

-- Confirms and cancels are HOT, so most of what is dead goes when its page is next read. The rest is a matter of hours, not
-- of a fifth of all reservations ever made, which is the default; and inserts keep the map of visible and frozen pages up.
alter table reservations set (
    autovacuum_vacuum_scale_factor = 0.01,
    autovacuum_vacuum_threshold = 5000,
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 5000,
    -- The newest days are what is asked about: statistics that lag by a tenth of all years do not know them.
    autovacuum_analyze_scale_factor = 0.01,
    autovacuum_analyze_threshold = 5000
);

-- Only ever inserted: vacuumed for the visibility map, which index-only scans read, and for freezing. A row never changes,
-- so it is frozen the first time it is seen, and no vacuum against wraparound finds years of them at once.
alter table reservation_seats set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 0.02,
    -- Only the archive deletes, in great pieces.
    autovacuum_vacuum_scale_factor = 0.05
);

-- Inserted by confirms, deleted by cancels. The seat map is an index-only scan of it, which goes to the heap for each page
-- that is not known to be visible to all: hence vacuumed early.
alter table booked_seats set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 5000,
    autovacuum_vacuum_scale_factor = 0.02,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 0.02
);

-- A row lives for a day and is then deleted, all day long: what is dead is to be reused before the table grows by it.
-- No vacuum for inserts (-1): nothing scans its indexes alone, and no row gets old enough to be frozen.
alter table idempotency_keys set (
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_vacuum_threshold = 1000,
    autovacuum_vacuum_insert_threshold = -1,
    autovacuum_analyze_scale_factor = 0.05
);

-- Written once, by the month, and never again.
alter table archived_reservations set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_freeze_min_age = 0
);
