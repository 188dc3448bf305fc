"""The outbox, the feed of events and the deliveries."""
