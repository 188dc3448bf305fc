"""Bookings: hold, confirm, extend, cancel; batches, idempotency keys, best available seats, archive and clean-up jobs.

Start with hold.py and confirm.py. Imports seatmap, holds, db and runtime.
"""
