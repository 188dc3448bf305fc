-- All tickets and check-ins are lost: codes and QR codes that were printed are unknown from then on. API keys that had no scope
-- but check_in are revoked, and get the scope of which the version before knows least.
set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0045();
drop table tickets;

update api_keys set
    scopes = case when scopes = array['check_in'] then array['reports'] else array_remove(scopes, 'check_in') end,
    revoked_at = case when scopes = array['check_in'] then coalesce(revoked_at, now()) else revoked_at end
where 'check_in' = any(scopes);

alter table api_keys
drop constraint api_keys_scopes_check,
add constraint api_keys_scopes_check check (
    cardinality(scopes) > 0 and scopes <@ array['catalogue', 'booking', 'reports']
);

comment on column api_keys.scopes is 'What it may be used for: catalogue, booking, reports.';
