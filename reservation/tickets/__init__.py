"""Tickets: one a seat of a confirmed reservation, signed, as PDF and calendar entry; and their check-in at the door."""
