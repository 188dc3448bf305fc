"""Waiting rooms: customers wait for a showtime's sale, and so many a second are admitted to it.

room.py has the order of those who wait, passes.py what is signed, streams.py the live feed of places.
"""
