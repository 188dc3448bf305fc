/* payments/insert_event
Records an event of the provider; no row if it was carried out before.
Plan: insert, with payment_events_pkey.
$1 text event_id: the provider's
$2 text type: such as checkout.session.completed
Sample: select 'evt_sample', 'checkout.session.completed'
*/
insert /* payments/insert_event */ into payment_events (id, type)
values ($1, $2)
on conflict (id) do nothing
returning id;
