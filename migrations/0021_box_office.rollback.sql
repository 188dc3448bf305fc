-- A guest becomes a customer whom nobody can log in as: the reservations stay, and the address is lost.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0020() rename to grant_reservation_roles;

drop index users_role_idx;
drop index users_box_office_guest_key;
drop index users_guest_email_idx;

alter table users drop constraint users_guest_check, drop constraint users_guest_email_check;

update users
set
    role = 'user',
    email = 'guest-' || id || '@guest.invalid',
    updated_at = greatest(clock_timestamp(), updated_at + interval '1 microsecond')
where role = 'guest';

alter table users
drop constraint users_role_check,
add constraint users_role_check check (role in ('user', 'staff', 'admin')),
alter column email set not null,
drop column guest_email,
drop column made_at_box_office;

alter table archived_reservations drop column cancel_reason;
alter table reservations drop column cancel_reason;

comment on table users is 'Everybody with a login: customers, staff and administrators.';
comment on column users.email is 'As typed at sign-up; unique and looked up without regard to case.';
comment on column users.role is 'user books seats, staff works at the cinema, admin runs the catalogue and the roles.';
