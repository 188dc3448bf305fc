/* payments/delete_old_events
Deletes events of the provider that are older than 30 days, which it does not send again.
Plan: index scan on payment_events_received_at_idx.
*/
delete /* payments/delete_old_events */ from payment_events
where received_at < now() - interval '30 days';
