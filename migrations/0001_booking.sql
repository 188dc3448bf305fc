-- The whole of the first schema: who books, what is shown where, which seats there are, and who owns them.
-- It needs no extension, so it runs on any PostgreSQL from 15 on.
-- Times are timestamptz and come from the server; money is numeric; every constraint has a name, because the
-- service tells clients what went wrong by that name.

set local lock_timeout = '5s';

create table users (
    id bigint generated always as identity,
    name text not null,
    email text not null,
    password_hash text not null,
    role text not null default 'user',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint users_pkey primary key (id),
    constraint users_name_check check (char_length(name) between 1 and 200),
    constraint users_email_check check (char_length(email) between 3 and 320),
    constraint users_role_check check (role in ('user', 'staff', 'admin'))
);
-- Two people cannot share an address that differs only in case.
create unique index users_lower_email_key on users (lower(email));
-- The last admin is looked for before a demotion; almost nobody is one.
create index users_admin_idx on users (id) where role = 'admin';

comment on table users is 'Everybody with a login: customers, staff and administrators.';
comment on column users.email is 'As typed at sign-up; unique and looked up without regard to case.';
comment on column users.password_hash is 'Argon2id in PHC string format; the parameters are inside.';
comment on column users.role is 'user books seats, staff works at the cinema, admin runs the catalogue and the roles.';

create table login_sessions (
    id uuid not null,
    user_id bigint not null,
    generation integer not null default 1,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    revoked_at timestamptz,
    constraint login_sessions_pkey primary key (id),
    constraint login_sessions_user_id_fkey foreign key (user_id) references users (id) on delete cascade,
    constraint login_sessions_generation_check check (generation > 0)
);
create index login_sessions_user_id_idx on login_sessions (user_id);
create index login_sessions_expires_at_idx on login_sessions (expires_at);

comment on table login_sessions is 'One row a login: the family of refresh tokens that descend from it.';
comment on column login_sessions.generation is
'Number of the one refresh token that is still good; a lower number is a spent token, and its use revokes the family.';
comment on column login_sessions.expires_at is 'When the newest refresh token of the family runs out.';
comment on column login_sessions.revoked_at is 'Set by logout, or when a spent refresh token was used again.';

create table movies (
    id bigint generated always as identity,
    title text not null,
    description text not null default '',
    duration_minutes integer not null,
    poster_url text,
    genre text,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint movies_pkey primary key (id),
    constraint movies_title_check check (char_length(title) between 1 and 300),
    constraint movies_description_check check (char_length(description) <= 10000),
    constraint movies_duration_minutes_check check (duration_minutes between 1 and 1440),
    constraint movies_poster_url_check check (char_length(poster_url) <= 2000),
    constraint movies_genre_check check (char_length(genre) between 1 and 100)
);
create index movies_lower_genre_idx on movies (lower(genre), id);

comment on table movies is 'The films that can be put on.';
comment on column movies.duration_minutes is 'Running time; a showtime has its own start and end.';
comment on column movies.genre is 'Compared without regard to case.';

create table auditoriums (
    id bigint generated always as identity,
    name text not null,
    capacity integer not null,
    extra_metadata jsonb not null default '{}',
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint auditoriums_pkey primary key (id),
    constraint auditoriums_name_check check (char_length(name) between 1 and 200),
    constraint auditoriums_capacity_check check (capacity between 1 and 10000),
    constraint auditoriums_extra_metadata_check check (jsonb_typeof(extra_metadata) = 'object')
);

comment on table auditoriums is 'The rooms that films are shown in.';
comment on column auditoriums.capacity is 'Most seats the room may have (fire regulations); writers of seats lock this row first.';
comment on column auditoriums.extra_metadata is 'Whatever the cinema wants to keep about the room; the service only stores it.';

create table seats (
    id bigint generated always as identity,
    auditorium_id bigint not null,
    row_label text not null,
    seat_number integer not null,
    seat_type text not null default 'regular',
    price_modifier numeric(4, 2) not null default 1.00,
    created_at timestamptz not null default now(),
    constraint seats_pkey primary key (id),
    constraint seats_auditorium_id_fkey foreign key (auditorium_id) references auditoriums (id) on delete cascade,
    constraint seats_row_label_check check (row_label ~ '^[A-Z]{1,3}$'),
    constraint seats_seat_number_check check (seat_number between 1 and 1000),
    constraint seats_seat_type_check check (seat_type in ('regular', 'premium', 'wheelchair')),
    constraint seats_price_modifier_check check (price_modifier >= 0)
);
-- Both the proof that a room has no seat twice and the order of a seat map: A..Z come before AA.
create unique index seats_position_key on seats (auditorium_id, char_length(row_label), row_label, seat_number);

comment on table seats is 'The seats of an auditorium.';
comment on column seats.row_label is 'A..Z, AA, AB, ...: ordered by length, then alphabet.';
comment on column seats.price_modifier is 'Factor on the showtime''s base price; the product is rounded half up to two digits.';

create table showtimes (
    id bigint generated always as identity,
    movie_id bigint not null,
    auditorium_id bigint not null,
    starts_at timestamptz not null,
    ends_at timestamptz not null,
    free_at timestamptz not null,
    base_price numeric(10, 2) not null,
    created_at timestamptz not null default now(),
    updated_at timestamptz not null default now(),
    constraint showtimes_pkey primary key (id),
    constraint showtimes_movie_id_fkey foreign key (movie_id) references movies (id),
    constraint showtimes_auditorium_id_fkey foreign key (auditorium_id) references auditoriums (id),
    constraint showtimes_ends_at_check check (ends_at > starts_at),
    constraint showtimes_free_at_check check (free_at >= ends_at),
    constraint showtimes_base_price_check check (base_price >= 0),
    -- int8range instead of "auditorium_id with =" spares the btree_gist extension.
    constraint showtimes_overlap_excl exclude using gist (
        int8range(auditorium_id, auditorium_id, '[]') with &&,
        tstzrange(starts_at, free_at, '[)') with &&
    )
);
create index showtimes_starts_at_idx on showtimes (starts_at, id);
create index showtimes_movie_id_idx on showtimes (movie_id, starts_at, id);
create index showtimes_auditorium_id_idx on showtimes (auditorium_id);

comment on table showtimes is 'One showing of a movie in an auditorium.';
comment on column showtimes.free_at is
'When the next showtime of the room may start: ends_at plus the cleaning time in force when the row was written.';
comment on column showtimes.base_price is 'Price of a seat whose modifier is 1.00, in the currency of the installation.';
comment on constraint showtimes_overlap_excl on showtimes is
'Two showtimes of one room never overlap; ranges are half-open, so one may start the instant another ends.';

create table reservations (
    id uuid not null,
    user_id bigint not null,
    showtime_id bigint not null,
    status text not null default 'held',
    total_price numeric(14, 2) not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    confirmed_at timestamptz,
    cancelled_at timestamptz,
    constraint reservations_pkey primary key (id),
    constraint reservations_user_id_fkey foreign key (user_id) references users (id),
    constraint reservations_showtime_id_fkey foreign key (showtime_id) references showtimes (id),
    constraint reservations_status_check check (status in ('held', 'confirmed', 'cancelled', 'expired')),
    constraint reservations_total_price_check check (total_price >= 0),
    constraint reservations_expires_at_check check (expires_at > created_at),
    constraint reservations_confirmed_at_check check (status <> 'confirmed' or confirmed_at is not null),
    constraint reservations_cancelled_at_check check ((status = 'cancelled') = (cancelled_at is not null))
);
create index reservations_user_id_idx on reservations (user_id, created_at desc, id desc);
create index reservations_showtime_id_idx on reservations (showtime_id);
-- What a lost Redis is primed from: the live holds, found past the abandoned ones by their time.
create index reservations_held_idx on reservations (showtime_id, expires_at) where status = 'held';

comment on table reservations is 'A customer''s hold on seats of one showtime, and what became of it.';
comment on column reservations.id is 'UUIDv7, made by the service before the hold, so that Redis and this row agree on it.';
comment on column reservations.status is
'held, confirmed, cancelled or expired; a row held past expires_at counts as expired whether or not it says so.';
comment on column reservations.total_price is 'Sum of price_at_booking over its seats.';
comment on column reservations.expires_at is 'End of the hold by this server''s clock; without meaning once confirmed.';

create table reservation_seats (
    reservation_id uuid not null,
    seat_id bigint not null,
    price_at_booking numeric(12, 2) not null,
    constraint reservation_seats_pkey primary key (reservation_id, seat_id),
    constraint reservation_seats_reservation_id_fkey foreign key (reservation_id) references reservations (id),
    constraint reservation_seats_seat_id_fkey foreign key (seat_id) references seats (id),
    constraint reservation_seats_price_at_booking_check check (price_at_booking >= 0)
);
-- Lets the deletion of a seat see at once whether it was ever reserved.
create index reservation_seats_seat_id_idx on reservation_seats (seat_id);

comment on table reservation_seats is 'The seats a reservation asked for; kept as history whatever becomes of it.';
comment on column reservation_seats.price_at_booking is 'Price when the seats were held; later changes do not reach it.';

create table booked_seats (
    showtime_id bigint not null,
    seat_id bigint not null,
    reservation_id uuid not null,
    constraint booked_seats_showtime_id_seat_id_key unique (showtime_id, seat_id),
    constraint booked_seats_showtime_id_fkey foreign key (showtime_id) references showtimes (id),
    -- Covers seat and reservation at once: nobody can own a seat that the reservation did not ask for.
    constraint booked_seats_reservation_id_seat_id_fkey
    foreign key (reservation_id, seat_id) references reservation_seats (reservation_id, seat_id)
);
create index booked_seats_reservation_id_idx on booked_seats (reservation_id);

comment on table booked_seats is 'Who owns which seat of which showtime: one row a sold seat, inserted by the confirm.';
comment on constraint booked_seats_showtime_id_seat_id_key on booked_seats is
'The judge: no seat of a showtime is ever sold twice.';
