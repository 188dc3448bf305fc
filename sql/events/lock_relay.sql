/* events/lock_relay
Takes the lock of the relay until the end of the transaction, unless another relay has it. It is what makes ids of events
become visible in their order.
Plan: none.
*/
select /* events/lock_relay */ pg_try_advisory_xact_lock(hashtext('reservation.relay'), 0) as locked;
