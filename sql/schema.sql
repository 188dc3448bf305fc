-- The schema that the migrations make, written by `make schema`; read it, and change it by a migration.
-- `reservation schema` prints the same of any database: compare the two to see what somebody has changed by hand.

create table api_keys (
    id bigint generated always as identity not null,
    name text not null,
    user_id bigint not null,
    prefix text not null,
    key_hash bytea not null,
    scopes text[] not null,
    created_by bigint not null,
    created_at timestamp with time zone default now() not null,
    expires_at timestamp with time zone,
    last_used_at timestamp with time zone,
    revoked_at timestamp with time zone,
    constraint api_keys_pkey PRIMARY KEY (id),
    constraint api_keys_key_hash_key UNIQUE (key_hash),
    constraint api_keys_expires_at_check CHECK (expires_at > created_at),
    constraint api_keys_key_hash_check CHECK (octet_length(key_hash) = 32),
    constraint api_keys_name_check CHECK (char_length(name) >= 1 AND char_length(name) <= 100),
    constraint api_keys_prefix_check CHECK (char_length(prefix) = 12),
    constraint api_keys_scopes_check CHECK (cardinality(scopes) > 0 AND scopes <@ ARRAY['catalogue'::text, 'booking'::text, 'reports'::text])
);

create table archived_reservations (
    id uuid not null,
    user_id bigint not null,
    showtime_id bigint not null,
    status text not null,
    total_price numeric(14,2) not null,
    created_at timestamp with time zone not null,
    expires_at timestamp with time zone not null,
    first_expires_at timestamp with time zone,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    seat_ids bigint[] not null,
    row_labels text[] not null,
    seat_numbers integer[] not null,
    prices numeric(12,2)[] not null,
    constraint archived_reservations_pkey PRIMARY KEY (id),
    constraint archived_reservations_seats_check CHECK (cardinality(row_labels) = cardinality(seat_ids) AND cardinality(seat_numbers) = cardinality(seat_ids) AND cardinality(prices) = cardinality(seat_ids)),
    constraint archived_reservations_status_check CHECK (status = ANY (ARRAY['confirmed'::text, 'cancelled'::text, 'expired'::text]))
) with (autovacuum_freeze_min_age=0, autovacuum_vacuum_insert_scale_factor=0.01, autovacuum_vacuum_insert_threshold=10000);

create table auditoriums (
    id bigint generated always as identity not null,
    name text not null,
    capacity integer not null,
    extra_metadata jsonb default '{}'::jsonb not null,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    focal_row text,
    constraint auditoriums_pkey PRIMARY KEY (id),
    constraint auditoriums_capacity_check CHECK (capacity >= 1 AND capacity <= 10000),
    constraint auditoriums_extra_metadata_check CHECK (jsonb_typeof(extra_metadata) = 'object'::text),
    constraint auditoriums_focal_row_check CHECK (focal_row ~ '^[A-Z]{1,3}$'::text),
    constraint auditoriums_name_check CHECK (char_length(name) >= 1 AND char_length(name) <= 200)
);

create table booked_seats (
    showtime_id bigint not null,
    seat_id bigint not null,
    reservation_id uuid not null,
    constraint booked_seats_showtime_id_seat_id_key UNIQUE (showtime_id, seat_id)
) with (autovacuum_analyze_scale_factor=0.02, autovacuum_freeze_min_age=0, autovacuum_vacuum_insert_scale_factor=0.01, autovacuum_vacuum_insert_threshold=5000, autovacuum_vacuum_scale_factor=0.02, autovacuum_vacuum_threshold=1000);

create table idempotency_keys (
    user_id bigint not null,
    key text collate "C" not null,
    fingerprint bytea not null,
    reservation_id uuid,
    refusal jsonb,
    created_at timestamp with time zone default now() not null,
    constraint idempotency_keys_pkey PRIMARY KEY (user_id, key),
    constraint idempotency_keys_fingerprint_check CHECK (octet_length(fingerprint) = 16),
    constraint idempotency_keys_key_check CHECK (char_length(key) >= 1 AND char_length(key) <= 255),
    constraint idempotency_keys_outcome_check CHECK (num_nonnulls(reservation_id, refusal) = 1)
) with (autovacuum_analyze_scale_factor=0.05, autovacuum_vacuum_insert_threshold=-1, autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000);

create table login_sessions (
    id uuid not null,
    user_id bigint not null,
    generation integer default 1 not null,
    created_at timestamp with time zone default now() not null,
    expires_at timestamp with time zone not null,
    revoked_at timestamp with time zone,
    constraint login_sessions_pkey PRIMARY KEY (id),
    constraint login_sessions_generation_check CHECK (generation > 0)
) with (autovacuum_vacuum_scale_factor=0.05, autovacuum_vacuum_threshold=1000, fillfactor=80);

create table migration_files (
    migration_id text not null,
    sha256 bytea not null,
    recorded_at timestamp with time zone default now() not null,
    constraint migration_files_pkey PRIMARY KEY (migration_id),
    constraint migration_files_sha256_check CHECK (octet_length(sha256) = 32)
);

create table movies (
    id bigint generated always as identity not null,
    title text not null,
    description text default ''::text not null,
    duration_minutes integer not null,
    poster_url text,
    genre text,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint movies_pkey PRIMARY KEY (id),
    constraint movies_description_check CHECK (char_length(description) <= 10000),
    constraint movies_duration_minutes_check CHECK (duration_minutes >= 1 AND duration_minutes <= 1440),
    constraint movies_genre_check CHECK (char_length(genre) >= 1 AND char_length(genre) <= 100),
    constraint movies_poster_url_check CHECK (char_length(poster_url) <= 2000),
    constraint movies_title_check CHECK (char_length(title) >= 1 AND char_length(title) <= 300)
);

create table reservation_seats (
    reservation_id uuid not null,
    seat_id bigint not null,
    price_at_booking numeric(12,2) not null,
    constraint reservation_seats_pkey PRIMARY KEY (reservation_id, seat_id),
    constraint reservation_seats_price_at_booking_check CHECK (price_at_booking >= 0::numeric)
) with (autovacuum_analyze_scale_factor=0.02, autovacuum_freeze_min_age=0, autovacuum_vacuum_insert_scale_factor=0.01, autovacuum_vacuum_insert_threshold=10000, autovacuum_vacuum_scale_factor=0.05);

create table reservations (
    id uuid not null,
    user_id bigint not null,
    showtime_id bigint not null,
    status text default 'held'::text not null,
    total_price numeric(14,2) not null,
    created_at timestamp with time zone default now() not null,
    expires_at timestamp with time zone not null,
    confirmed_at timestamp with time zone,
    cancelled_at timestamp with time zone,
    first_expires_at timestamp with time zone,
    constraint reservations_pkey PRIMARY KEY (id),
    constraint reservations_cancelled_at_check CHECK ((status = 'cancelled'::text) = (cancelled_at IS NOT NULL)),
    constraint reservations_confirmed_at_check CHECK (status <> 'confirmed'::text OR confirmed_at IS NOT NULL),
    constraint reservations_expires_at_check CHECK (expires_at > created_at),
    constraint reservations_status_check CHECK (status = ANY (ARRAY['held'::text, 'confirmed'::text, 'cancelled'::text, 'expired'::text])),
    constraint reservations_total_price_check CHECK (total_price >= 0::numeric)
) with (autovacuum_analyze_scale_factor=0.01, autovacuum_analyze_threshold=5000, autovacuum_vacuum_insert_scale_factor=0.01, autovacuum_vacuum_insert_threshold=5000, autovacuum_vacuum_scale_factor=0.01, autovacuum_vacuum_threshold=5000, fillfactor=90);

create table seats (
    id bigint generated always as identity not null,
    auditorium_id bigint not null,
    row_label text not null,
    seat_number integer not null,
    seat_type text default 'regular'::text not null,
    price_modifier numeric(4,2) default 1.00 not null,
    created_at timestamp with time zone default now() not null,
    constraint seats_pkey PRIMARY KEY (id),
    constraint seats_price_modifier_check CHECK (price_modifier >= 0::numeric),
    constraint seats_row_label_check CHECK (row_label ~ '^[A-Z]{1,3}$'::text),
    constraint seats_seat_number_check CHECK (seat_number >= 1 AND seat_number <= 1000),
    constraint seats_seat_type_check CHECK (seat_type = ANY (ARRAY['regular'::text, 'premium'::text, 'wheelchair'::text]))
);

create table showtimes (
    id bigint generated always as identity not null,
    movie_id bigint not null,
    auditorium_id bigint not null,
    starts_at timestamp with time zone not null,
    ends_at timestamp with time zone not null,
    free_at timestamp with time zone not null,
    base_price numeric(10,2) not null,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint showtimes_pkey PRIMARY KEY (id),
    constraint showtimes_base_price_check CHECK (base_price >= 0::numeric),
    constraint showtimes_ends_at_check CHECK (ends_at > starts_at),
    constraint showtimes_free_at_check CHECK (free_at >= ends_at),
    constraint showtimes_overlap_excl EXCLUDE USING gist (int8range(auditorium_id, auditorium_id, '[]'::text) WITH &&, tstzrange(starts_at, free_at, '[)'::text) WITH &&)
);

create table users (
    id bigint generated always as identity not null,
    name text not null,
    email text not null,
    password_hash text not null,
    role text default 'user'::text not null,
    created_at timestamp with time zone default now() not null,
    updated_at timestamp with time zone default now() not null,
    constraint users_pkey PRIMARY KEY (id),
    constraint users_email_check CHECK (char_length(email) >= 3 AND char_length(email) <= 320),
    constraint users_name_check CHECK (char_length(name) >= 1 AND char_length(name) <= 200),
    constraint users_role_check CHECK (role = ANY (ARRAY['user'::text, 'staff'::text, 'admin'::text]))
);

alter table api_keys add constraint api_keys_created_by_fkey FOREIGN KEY (created_by) REFERENCES users(id);

alter table api_keys add constraint api_keys_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

alter table archived_reservations add constraint archived_reservations_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES showtimes(id);

alter table booked_seats add constraint booked_seats_reservation_id_seat_id_fkey FOREIGN KEY (reservation_id, seat_id) REFERENCES reservation_seats(reservation_id, seat_id);

alter table booked_seats add constraint booked_seats_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES showtimes(id);

alter table login_sessions add constraint login_sessions_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id) ON DELETE CASCADE;

alter table reservation_seats add constraint reservation_seats_reservation_id_fkey FOREIGN KEY (reservation_id) REFERENCES reservations(id);

alter table reservation_seats add constraint reservation_seats_seat_id_fkey FOREIGN KEY (seat_id) REFERENCES seats(id);

alter table reservations add constraint reservations_showtime_id_fkey FOREIGN KEY (showtime_id) REFERENCES showtimes(id);

alter table reservations add constraint reservations_user_id_fkey FOREIGN KEY (user_id) REFERENCES users(id);

alter table seats add constraint seats_auditorium_id_fkey FOREIGN KEY (auditorium_id) REFERENCES auditoriums(id) ON DELETE CASCADE;

alter table showtimes add constraint showtimes_auditorium_id_fkey FOREIGN KEY (auditorium_id) REFERENCES auditoriums(id);

alter table showtimes add constraint showtimes_movie_id_fkey FOREIGN KEY (movie_id) REFERENCES movies(id);

CREATE INDEX archived_reservations_showtime_id_idx ON archived_reservations USING btree (showtime_id);

CREATE INDEX archived_reservations_user_id_idx ON archived_reservations USING btree (user_id, created_at DESC, id DESC);

CREATE INDEX booked_seats_reservation_id_idx ON booked_seats USING btree (reservation_id);

CREATE INDEX idempotency_keys_created_at_idx ON idempotency_keys USING btree (created_at);

CREATE INDEX login_sessions_user_id_idx ON login_sessions USING btree (user_id);

CREATE INDEX reservation_seats_seat_id_idx ON reservation_seats USING btree (seat_id);

CREATE INDEX reservations_showtime_id_expires_at_idx ON reservations USING btree (showtime_id, expires_at);

CREATE INDEX reservations_user_id_idx ON reservations USING btree (user_id, created_at DESC, id DESC);

CREATE UNIQUE INDEX seats_position_key ON seats USING btree (auditorium_id, char_length(row_label), row_label, seat_number);

CREATE INDEX showtimes_auditorium_id_idx ON showtimes USING btree (auditorium_id);

CREATE INDEX showtimes_movie_id_idx ON showtimes USING btree (movie_id, starts_at, id);

CREATE INDEX showtimes_starts_at_idx ON showtimes USING btree (starts_at, id);

CREATE INDEX users_admin_idx ON users USING btree (id) WHERE role = 'admin'::text;

CREATE UNIQUE INDEX users_lower_email_key ON users USING btree (lower(email));

CREATE OR REPLACE PROCEDURE public.grant_reservation_roles()
 LANGUAGE plpgsql
AS $procedure$
declare
    home text := current_schema();
    -- Whoever migrates: what that role creates later on is meant by the default privileges.
    migrator text := (select pg_get_userbyid(relowner) from pg_class where oid = 'users'::regclass);
    -- Tables of later migrations that only tools write, for roles that are created later still.
    later text;
begin
    foreach later in array array['archived_reservations', 'migration_files'] loop
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_app') then
            execute format('grant select on %I to reservation_app', later);
        end if;
        if to_regclass(later) is not null and exists (select from pg_roles where rolname = 'reservation_readonly') then
            execute format('grant select on %I to reservation_readonly', later);
        end if;
    end loop;
    if exists (select from pg_roles where rolname = 'reservation_app') then
        execute format('grant usage on schema %I to reservation_app', home);
        grant select on _yoyo_migration to reservation_app;
        grant select, insert, update, delete on movies, auditoriums, showtimes, login_sessions, idempotency_keys
        to reservation_app;
        grant select, insert, delete on seats, booked_seats to reservation_app;
        -- Of an update there is none: holds lock the rows, for which PostgreSQL wants the right to some column.
        grant update (created_at) on seats to reservation_app;
        -- What is never deleted: who, and what was sold to them.
        grant select, insert, update on reservations to reservation_app;
        grant select, insert on reservation_seats, users, api_keys to reservation_app;
        grant update (password_hash, role, updated_at) on users to reservation_app;
        grant update (last_used_at, revoked_at) on api_keys to reservation_app;
        -- A later migration that brings a table from which the service deletes says so, or one that it only reads.
        execute format(
            'alter default privileges for role %I in schema %I grant select, insert, update on tables '
            'to reservation_app', migrator, home
        );
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        execute format('grant usage on schema %I to reservation_readonly', home);
        grant select on
        _yoyo_migration, movies, auditoriums, seats, showtimes, reservations, reservation_seats, booked_seats,
        login_sessions, idempotency_keys
        to reservation_readonly;
        -- All but the hashes; a column that a later migration adds to these two is granted there.
        grant select (id, name, email, role, created_at, updated_at) on users to reservation_readonly;
        grant select (
            id, name, user_id, prefix, scopes, created_by, created_at, expires_at, last_used_at, revoked_at
        ) on api_keys to reservation_readonly;
        execute format(
            'alter default privileges for role %I in schema %I grant select on tables to reservation_readonly',
            migrator, home
        );
    end if;
end
$procedure$;

comment on table api_keys is 'Keys of machine clients. A row stays for good: a revoked key still tells who had it.';

comment on column api_keys.user_id is 'The account that the key acts for; it can do at most what that account may.';

comment on column api_keys.prefix is 'The first characters of the key, by which people tell it from others in a list.';

comment on column api_keys.key_hash is 'SHA-256 of the key. A key is 256 random bits, which nobody can guess however fast a guess is checked; Argon2 is for
passwords, which people choose, and would cost every request what it is meant to cost an attacker.';

comment on column api_keys.scopes is 'What it may be used for: catalogue, booking, reports.';

comment on column api_keys.created_by is 'The administrator who made it.';

comment on column api_keys.expires_at is 'From then on it is not good any more; null: it has no end.';

comment on column api_keys.last_used_at is 'Written in the background about once a minute, so up to two minutes late.';

comment on table archived_reservations is 'Reservations of showtimes that are long over, moved here by `reservation archive`.';

comment on column archived_reservations.status is 'How it ended: a hold that nobody confirmed is expired.';

comment on column archived_reservations.seat_ids is 'In the order of the seat map, as are the labels, numbers and prices; a confirmed reservation owned all of them.';

comment on table auditoriums is 'The rooms that films are shown in.';

comment on column auditoriums.capacity is 'Most seats the room may have (fire regulations); writers of seats lock this row first.';

comment on column auditoriums.extra_metadata is 'Whatever the cinema wants to keep about the room; the service only stores it.';

comment on column auditoriums.focal_row is 'Label of the row with the best view, as in seats.row_label; null for the row two thirds back.';

comment on table booked_seats is 'Who owns which seat of which showtime: one row a sold seat, inserted by the confirm.';

comment on table idempotency_keys is 'Requests that clients may repeat; kept for a day.';

comment on column idempotency_keys.fingerprint is 'Digest of what was asked, so that a key is not used for two things.';

comment on column idempotency_keys.reservation_id is 'What was made, confirmed or cancelled, and tells the answer; null where the request was refused.';

comment on column idempotency_keys.refusal is 'The answer, where it was a lasting no.';

comment on table login_sessions is 'One row a login: the family of refresh tokens that descend from it.';

comment on column login_sessions.generation is 'Number of the one refresh token that is still good; a lower number is a spent token, and its use revokes the family.';

comment on column login_sessions.expires_at is 'When the newest refresh token of the family runs out.';

comment on column login_sessions.revoked_at is 'Set by logout, or when a spent refresh token was used again.';

comment on table migration_files is 'The files of the applied migrations, so that one that was edited since is noticed.';

comment on column migration_files.migration_id is 'Name of the file, without its ending, as in _yoyo_migration.';

comment on column migration_files.sha256 is 'SHA-256 of the file''s bytes: comments and white space count, too.';

comment on column migration_files.recorded_at is 'When the file was applied, or, if it is edited, when that was accepted.';

comment on table movies is 'The films that can be put on.';

comment on column movies.duration_minutes is 'Running time; a showtime has its own start and end.';

comment on column movies.genre is 'Compared without regard to case.';

comment on table reservation_seats is 'The seats a reservation asked for; kept as history whatever becomes of it.';

comment on column reservation_seats.price_at_booking is 'Price when the seats were held; later changes do not reach it.';

comment on table reservations is 'A customer''s hold on seats of one showtime, and what became of it.';

comment on column reservations.id is 'UUIDv7, made by the service before the hold, so that Redis and this row agree on it.';

comment on column reservations.status is 'held, confirmed, cancelled or expired; a row held past expires_at counts as expired whether or not it says so.';

comment on column reservations.total_price is 'Sum of price_at_booking over its seats.';

comment on column reservations.expires_at is 'End of the hold by this server''s clock; without meaning once confirmed.';

comment on column reservations.first_expires_at is 'What expires_at was before the hold was extended; null if it never was.';

comment on table seats is 'The seats of an auditorium.';

comment on column seats.row_label is 'A..Z, AA, AB, ...: ordered by length, then alphabet.';

comment on column seats.price_modifier is 'Factor on the showtime''s base price; the product is rounded half up to two digits.';

comment on table showtimes is 'One showing of a movie in an auditorium.';

comment on column showtimes.free_at is 'When the next showtime of the room may start: ends_at plus the cleaning time in force when the row was written.';

comment on column showtimes.base_price is 'Price of a seat whose modifier is 1.00, in the currency of the installation.';

comment on table users is 'Everybody with a login: customers, staff and administrators.';

comment on column users.email is 'As typed at sign-up; unique and looked up without regard to case.';

comment on column users.password_hash is 'Argon2id in PHC string format; the parameters are inside.';

comment on column users.role is 'user books seats, staff works at the cinema, admin runs the catalogue and the roles.';

comment on constraint booked_seats_showtime_id_seat_id_key on booked_seats is 'The judge: no seat of a showtime is ever sold twice.';

comment on routine grant_reservation_roles() is 'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

comment on constraint showtimes_overlap_excl on showtimes is 'Two showtimes of one room never overlap; ranges are half-open, so one may start the instant another ends.';

grant usage on schema public to reservation_app;

grant usage on schema public to reservation_readonly;

grant insert, select on table api_keys to reservation_app;

grant select on table archived_reservations to reservation_app;

grant select on table archived_reservations to reservation_readonly;

grant delete, insert, select, update on table auditoriums to reservation_app;

grant select on table auditoriums to reservation_readonly;

grant delete, insert, select on table booked_seats to reservation_app;

grant select on table booked_seats to reservation_readonly;

grant delete, insert, select, update on table idempotency_keys to reservation_app;

grant select on table idempotency_keys to reservation_readonly;

grant delete, insert, select, update on table login_sessions to reservation_app;

grant select on table login_sessions to reservation_readonly;

grant select on table migration_files to reservation_app;

grant select on table migration_files to reservation_readonly;

grant delete, insert, select, update on table movies to reservation_app;

grant select on table movies to reservation_readonly;

grant insert, select on table reservation_seats to reservation_app;

grant select on table reservation_seats to reservation_readonly;

grant insert, select, update on table reservations to reservation_app;

grant select on table reservations to reservation_readonly;

grant delete, insert, select on table seats to reservation_app;

grant select on table seats to reservation_readonly;

grant delete, insert, select, update on table showtimes to reservation_app;

grant select on table showtimes to reservation_readonly;

grant insert, select on table users to reservation_app;

alter default privileges in schema public grant insert, select, update on tables to reservation_app;

alter default privileges in schema public grant select on tables to reservation_readonly;
