"""The seats of a showtime with their status, as pages show them and as people type them.

`geometry` says where the seats of a room are drawn, `drawing` makes the markup, which is kept for a layout, and `view`
fills in the statuses of now. `names` reads and writes seats as text, such as F7-9.
"""
