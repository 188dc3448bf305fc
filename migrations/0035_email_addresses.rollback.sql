-- Lost: which accounts have the address of another one, as fold_email compares them. They are found by lower(email), as before.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles();
alter procedure grant_reservation_roles_0034() rename to grant_reservation_roles;

drop trigger users_address_changed on users;
drop function give_address_to_next();

create or replace function erase_user()
returns trigger
language plpgsql
as $$
begin
    new.name := 'Erased';
    -- Random: addresses are unique, and no account has this one.
    if new.role = 'guest' then
        new.guest_email := gen_random_uuid() || '@erased.invalid';
    else
        new.email := gen_random_uuid() || '@erased.invalid';
        new.role := 'user';
    end if;
    new.password_hash := '!';
    new.disabled_at := coalesce(new.disabled_at, now());
    return new;
end
$$;

drop index users_folded_box_office_guest_key;
drop index users_folded_guest_email_idx;
drop index users_folded_email_key;

alter table users drop column same_address_as;

comment on column users.email is 'As typed at sign-up; unique and looked up without regard to case. Null for a guest.';

drop function fold_email(text);
drop function fold_domain(text);
drop function punycode(text);
drop function fold_case(text);

call grant_reservation_roles();
