"""Seat maps: layouts of rooms, which seats are held or booked, drawing as JSON, and the live feed.

Imports holds, db and runtime.
"""
