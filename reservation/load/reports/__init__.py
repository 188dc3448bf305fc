"""What a run of the load generator shows: progress while it runs, then a report as text, JSON and HTML with charts.

It reads what the engine and the drill have measured, and sends no requests. It imports what load may import.
"""
