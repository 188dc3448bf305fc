set local lock_timeout = '5s';

drop procedure grant_reservation_roles_0053();

alter table deliveries drop column claimed_until;

comment on table deliveries is
'A mail, or an event for a webhook, that is sent at least once. A delivery that is due is claimed by moving next_attempt_at on.';
comment on column deliveries.next_attempt_at is 'When it is due, or while it is claimed when the claim ends.';
