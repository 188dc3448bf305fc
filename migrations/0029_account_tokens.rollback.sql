-- Lost: which e-mail addresses are confirmed, and the tokens that were mailed. Reservations that guests made stay with the
-- accounts that got them.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0028() rename to grant_reservation_roles;

do $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update (name) on users from reservation_app;
        revoke update (user_id) on archived_reservations from reservation_app;
    end if;
end
$$;

drop table account_tokens;

alter table users
drop constraint users_verified_check,
drop column email_verified_at;

call grant_reservation_roles();
