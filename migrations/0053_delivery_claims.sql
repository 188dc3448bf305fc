-- Until when a delivery is claimed. next_attempt_at alone did not tell a claim from the time of the next attempt, so that a delivery
-- whose next attempt was near could not be sent at once.
-- The version that is running neither sets nor reads it: what it has claimed counts as not claimed, and if it is sent again then,
-- it may be sent twice, as deliveries may be.
-- Longest lock: access exclusive on deliveries, for a column without values: less than 2 ms.

set local lock_timeout = '5s';

alter table deliveries add column claimed_until timestamptz;

comment on table deliveries is 'A mail, or an event for a webhook, that is sent at least once.';
comment on column deliveries.next_attempt_at is 'When it may be claimed: while it is claimed, the end of the claim.';
comment on column deliveries.claimed_until is 'When the claim of the attempt that is under way ends; null: it is not claimed.';

create procedure grant_reservation_roles_0053()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select (claimed_until) on deliveries to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0053 is 'The part of grant_reservation_roles for the claims of deliveries.';

revoke execute on procedure grant_reservation_roles_0053 from public;

call grant_reservation_roles_0053();
