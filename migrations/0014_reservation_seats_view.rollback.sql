set local lock_timeout = '5s';

-- Nothing is lost: each seat gets its row again. It fails where a seat was deleted that a reservation refers to.
-- Locked first, for who writes only: what an archive at work deletes would have seats without their reservation.
lock table reservations in share row exclusive mode;

drop view reservation_seats;
drop function insert_reservation_seat();

create table reservation_seats (
    reservation_id uuid not null,
    seat_id bigint not null,
    price_at_booking numeric(12, 2) not null,
    constraint reservation_seats_pkey primary key (reservation_id, seat_id),
    constraint reservation_seats_price_at_booking_check check (price_at_booking >= 0)
);

insert into reservation_seats (reservation_id, seat_id, price_at_booking)
select
    r.id,
    seat.seat_id,
    seat.price
from reservations as r
cross join lateral unnest(r.seat_ids, r.prices) as seat (seat_id, price);

create index reservation_seats_seat_id_idx on reservation_seats (seat_id);
create index booked_seats_reservation_id_idx on booked_seats (reservation_id);
alter table reservation_seats
add constraint reservation_seats_reservation_id_fkey foreign key (reservation_id) references reservations (id),
add constraint reservation_seats_seat_id_fkey foreign key (seat_id) references seats (id);
alter table booked_seats add constraint booked_seats_reservation_id_seat_id_fkey
foreign key (reservation_id, seat_id) references reservation_seats (reservation_id, seat_id);

alter table reservation_seats set (
    autovacuum_vacuum_insert_scale_factor = 0.01,
    autovacuum_vacuum_insert_threshold = 10000,
    autovacuum_freeze_min_age = 0,
    autovacuum_analyze_scale_factor = 0.02,
    autovacuum_vacuum_scale_factor = 0.05
);

comment on table reservation_seats is 'The seats a reservation asked for; kept as history whatever becomes of it.';
comment on column reservation_seats.price_at_booking is 'Price when the seats were held; later changes do not reach it.';

create function write_seat_arrays(reservation_ids uuid[])
returns void
language sql
as $$
    update reservations as r
    set
        seat_ids = held.seat_ids,
        row_labels = held.row_labels,
        seat_numbers = held.seat_numbers,
        prices = held.prices
    from (
        select
            rs.reservation_id,
            array_agg(rs.seat_id order by char_length(s.row_label), s.row_label, s.seat_number) as seat_ids,
            array_agg(s.row_label order by char_length(s.row_label), s.row_label, s.seat_number) as row_labels,
            array_agg(s.seat_number order by char_length(s.row_label), s.row_label, s.seat_number) as seat_numbers,
            array_agg(rs.price_at_booking order by char_length(s.row_label), s.row_label, s.seat_number) as prices
        from reservation_seats as rs
        inner join seats as s on rs.seat_id = s.id
        where rs.reservation_id = any(reservation_ids)
        group by rs.reservation_id
    ) as held
    where r.id = held.reservation_id
$$;

comment on function write_seat_arrays is 'Writes the rows of reservation_seats into the rows of their reservations.';

create function copy_reservation_seats()
returns trigger
language plpgsql
as $$
begin
    perform write_seat_arrays(array(select distinct i.reservation_id from inserted as i));
    return null;
end
$$;

comment on function copy_reservation_seats is
'Writes the seats that the version before 0014 inserts into the rows of their reservations, too.';

create trigger reservation_seats_copied after insert on reservation_seats
referencing new table as inserted
for each statement execute function copy_reservation_seats();

do $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on reservation_seats from reservation_app;
    end if;
end
$$;

call grant_reservation_roles();
