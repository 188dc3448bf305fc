-- Disabled accounts may log in again.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0032() rename to grant_reservation_roles;

drop index api_keys_user_id_idx;

drop trigger reservation_changes_of_erased on reservation_changes;
drop trigger reservations_of_erased on reservations;
drop function leave_out_texts_of_erased();

drop trigger users_erased on users;
drop function erase_from_change_log();
drop trigger users_erasing on users;
drop function erase_user();

create or replace trigger users_recorded
after insert or update or delete on users
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change('user', 'id', 'id', 'id role created_at updated_at', '');

alter table users drop column disabled_at, drop column erased_at;
alter table login_sessions drop column refreshed_at;

comment on column login_sessions.generation is
'Number of the one refresh token that is still good; a lower number is a spent token, and its use revokes the family.';

do $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update (name) on api_keys from reservation_app;
        revoke update (reference, metadata, cancel_reason) on archived_reservations from reservation_app;
        revoke update (reason) on reservation_changes from reservation_app;
    end if;
end
$$;

call grant_reservation_roles();
