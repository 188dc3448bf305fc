-- Payments of reservations, their refunds, and the events of the payment provider that were received. No foreign key leads to
-- reservations: they are archived, and their payments stay. The version that is running writes none of these, and confirms
-- reservations with payment_required false, the default.
-- Longest lock: access exclusive on reservations and archived_reservations, each for a column with a constant default: less
-- than 2 ms.

set local lock_timeout = '5s';

create table payments (
    id uuid not null,
    reservation_id uuid not null,
    number integer not null,
    provider text not null,
    status text not null default 'pending',
    amount numeric(14, 2) not null,
    refunded numeric(14, 2) not null default 0,
    currency text not null,
    reference text,
    checkout_url text,
    charge_reference text,
    created_at timestamptz not null default clock_timestamp(),
    succeeded_at timestamptz,
    settled_at timestamptz,
    check_at timestamptz not null,
    constraint payments_pkey primary key (id),
    constraint payments_reservation_id_number_key unique (reservation_id, number),
    constraint payments_provider_check check (provider in ('stripe', 'external')),
    constraint payments_status_check check (status in ('pending', 'succeeded', 'failed', 'cancelled')),
    constraint payments_succeeded_check check ((status = 'succeeded') = (succeeded_at is not null)),
    constraint payments_amount_check check (amount > 0),
    constraint payments_refunded_check check (refunded >= 0 and refunded <= amount and (refunded = 0 or status = 'succeeded')),
    constraint payments_currency_check check (char_length(currency) = 3)
);

create unique index payments_pending_key on payments (reservation_id) where status = 'pending';
create unique index payments_reference_key on payments (reference) where reference is not null;
create index payments_check_at_idx on payments (check_at) where settled_at is null;

comment on table payments is
'Payments of reservations, with the ids that the payment provider gave them. Card data never reaches the service.';
comment on column payments.number is
'Counts the payments of the reservation, from 1; two requests at once cannot both make the next.';
comment on column payments.refunded is 'The sum of its refunds, made and pending.';
comment on column payments.reference is
'The provider''s id: of Stripe''s Checkout Session; null until it is made, and for an external payment.';
comment on column payments.charge_reference is
'What the provider refunds: Stripe''s PaymentIntent; null until it is paid.';
comment on column payments.settled_at is
'When nothing was left to do for it: it failed, or what was paid is exactly what the reservation costs.';
comment on column payments.check_at is 'When a background job looks at it next, until it is settled.';

create table refunds (
    id uuid not null default gen_random_uuid(),
    payment_id uuid not null,
    amount numeric(14, 2) not null,
    reason text not null,
    status text not null default 'pending',
    attempts integer not null default 0,
    next_attempt_at timestamptz not null default clock_timestamp(),
    reference text,
    last_error text,
    created_at timestamptz not null default clock_timestamp(),
    succeeded_at timestamptz,
    constraint refunds_pkey primary key (id),
    constraint refunds_payment_id_fkey foreign key (payment_id) references payments (id),
    constraint refunds_amount_check check (amount > 0),
    constraint refunds_reason_check check (
        reason in ('cancelled', 'seats_cancelled', 'exchanged', 'showtime_cancelled', 'not_available', 'overpaid')
    ),
    constraint refunds_status_check check (status in ('pending', 'succeeded', 'failed')),
    constraint refunds_succeeded_check check ((status = 'succeeded') = (succeeded_at is not null))
);

create index refunds_payment_id_idx on refunds (payment_id);
create index refunds_next_attempt_at_idx on refunds (next_attempt_at) where status = 'pending';

comment on table refunds is
'What is paid back of payments. A row is written in the transaction of the deed; a background job lets the provider refund it.';
comment on column refunds.id is 'Also the idempotency key of the request to the provider.';
comment on column refunds.reference is 'The provider''s id of the refund.';
comment on column refunds.last_error is 'Why the last attempt failed.';

create table payment_events (
    id text collate "C" not null,
    type text not null,
    received_at timestamptz not null default clock_timestamp(),
    constraint payment_events_pkey primary key (id),
    constraint payment_events_id_check check (char_length(id) <= 255)
);

create index payment_events_received_at_idx on payment_events (received_at);

comment on table payment_events is
'Events of the payment provider that were carried out, kept for 30 days: each is carried out once.';

alter table reservations add column payment_required boolean not null default false;
alter table archived_reservations add column payment_required boolean not null default false;

comment on column reservations.payment_required is
'Whether it was confirmed while the service took payments: then its payments, less their refunds, are its total.';
comment on column archived_reservations.payment_required is 'As in reservations.';

create procedure grant_reservation_roles_0044()
language plpgsql
as $$
begin
    if exists (select from pg_roles where rolname = 'reservation_app') then
        grant select, insert, update on payments, refunds to reservation_app;
        revoke update on payment_events from reservation_app;
        grant select, insert, delete on payment_events to reservation_app;
    end if;
    if exists (select from pg_roles where rolname = 'reservation_readonly') then
        grant select on payments, refunds, payment_events to reservation_readonly;
    end if;
end
$$;

comment on procedure grant_reservation_roles_0044 is 'The part of grant_reservation_roles for payments.';

revoke execute on procedure grant_reservation_roles_0044 from public;

call grant_reservation_roles_0044();
