-- transactional: false
-- Each statement is a transaction of its own.
-- The rest of what the erasure of a person needs, and the limits of API keys in the change log. Holds of people who are erased at
-- this moment: a request that was under way does not leave its reference and metadata behind. The trigger is only for holds with
-- one of these, so the others cost what they did. The migration may be run again from its beginning.
-- Longest lock: share row exclusive on reservations, for the trigger: less than 2 ms.

set lock_timeout = '5s';

-- squawk-ignore ban-concurrent-index-creation-in-transaction
create index concurrently if not exists api_keys_user_id_idx on api_keys (user_id);

create or replace trigger api_keys_recorded
after insert or update or delete on api_keys
for each row
when (current_setting('reservation.action', true) <> '')
execute function record_change(
    'api-key',
    'id',
    'user_id',
    'id name user_id prefix scopes max_holds_per_user max_seats_per_user_per_showtime holds_per_minute created_by created_at '
    'expires_at revoked_at',
    ''
);

create or replace function forget_reference_of_erased()
returns trigger
language plpgsql
as $$
begin
    -- Waits for an erasure. The next statement sees what it committed.
    perform from users
    where id = new.user_id
    for key share;
    if exists (select from users where id = new.user_id and erased_at is not null) then
        new.reference := null;
        new.metadata := null;
    end if;
    return new;
end
$$;

comment on function forget_reference_of_erased is
'Leaves out the reference and metadata of a hold whose user was erased while it was made.';

create or replace trigger reservations_of_erased
before insert on reservations
for each row
when (new.reference is not null or new.metadata is not null)
execute function forget_reference_of_erased();
