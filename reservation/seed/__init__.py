"""Data for trying out and for load tests: the demo, generated volume, and the volume that stored plans are made on.

Imports identity, db and runtime.
"""
