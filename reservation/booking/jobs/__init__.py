"""The background jobs of a worker: one job a module; schedule.py has their periods and runs them.

Availability counts what lists show, expire marks holds that are over, and orphans releases seats that Redis holds for
no reservation. No hold and no confirm depends on any of them. It imports what booking may import.
"""
