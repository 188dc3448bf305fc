"""Events, and the mails and webhook calls that follow from them: the relay, deliveries, retries, dead letters.

A deed writes its event into the outbox in its own statement. The background process moves events into the feed, and
makes the deliveries. Imports db and runtime.
"""
