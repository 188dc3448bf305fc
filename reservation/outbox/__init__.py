"""What others are told afterwards: the relay of events, and deliveries of mails and webhook calls, with retries.

A deed writes its event into the outbox in its own statement. The background process moves events into the feed, and
makes the deliveries. Imports db and runtime.
"""
