"""Seat maps: layouts of rooms, which seats are held or booked, rendering as JSON, and the live feed.

Imports holds, db and runtime.
"""
