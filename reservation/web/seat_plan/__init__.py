"""A room's seats as text that people type and paste, what a new text changes, and how it is drawn."""
