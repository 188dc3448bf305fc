-- transactional: false
-- Each statement is a transaction of its own.
-- squawk-ignore-file ban-drop-constraint, constraint-missing-not-valid
-- Tokens that are mailed to the owner of an account: to choose a new password and to confirm the e-mail address; and since when
-- an address is confirmed. Accounts that are there already count as not confirmed. The version that is running uses neither.
-- It may be run again from its beginning.
-- Longest lock: access exclusive on users, for a column without values and a check that is validated afterwards, beside all
-- other sessions: less than 2 ms; share row exclusive on users, for the foreign key of an empty table: less than 2 ms.

set lock_timeout = '5s';

create table if not exists account_tokens (
    token_hash bytea not null,
    user_id bigint not null,
    purpose text not null,
    created_at timestamptz not null default now(),
    expires_at timestamptz not null,
    constraint account_tokens_pkey primary key (token_hash),
    constraint account_tokens_hash_check check (octet_length(token_hash) = 32),
    constraint account_tokens_purpose_check check (purpose in ('reset_password', 'verify_email')),
    constraint account_tokens_user_id_fkey foreign key (user_id) references users (id) on delete cascade
);

create index if not exists account_tokens_user_id_idx on account_tokens (user_id);

comment on table account_tokens is 'Tokens that were mailed to the owners of accounts and not used yet; a used one is deleted.';
comment on column account_tokens.token_hash is 'SHA-256 of the token, which has 256 random bits.';
comment on column account_tokens.purpose is 'reset_password or verify_email; a token is good for nothing else.';

alter table users
add column if not exists email_verified_at timestamptz,
drop constraint if exists users_verified_check,
add constraint users_verified_check check (email_verified_at is null or email is not null) not valid;

alter table users validate constraint users_verified_check;

comment on column users.email_verified_at is
'When the owner confirmed the e-mail address by a mailed token; null: not yet, and for a guest.';

do $$
begin
    if to_regprocedure('grant_reservation_roles_0028()') is null then
        alter procedure grant_reservation_roles() rename to grant_reservation_roles_0028;
    end if;
end
$$;

create or replace procedure grant_reservation_roles()
language plpgsql
as $$
begin
    call grant_reservation_roles_0028();
    if exists (select from pg_roles where rolname = 'reservation_app') then
        revoke update on account_tokens from reservation_app;
        grant select, insert, delete on account_tokens to reservation_app;
        grant update (name, email_verified_at) on users to reservation_app;
        -- A guest's archived reservations become an account's.
        grant update (user_id) on archived_reservations to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        revoke select on account_tokens from reservation_readonly;
        grant select (user_id, purpose, created_at, expires_at) on account_tokens to reservation_readonly;
        grant select (email_verified_at) on users to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles is
'Grants reservation_app and reservation_readonly what they need, where they exist; for the owner of the tables or a DBA.';

revoke execute on procedure grant_reservation_roles from public;

call grant_reservation_roles();
