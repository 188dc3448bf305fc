"""A customer's way from a showtime to a hold: what has been chosen, and what the pages of the booking show of it.

A choice is in the address of a page or the fields of a form, so that nothing is kept on the server before the hold.
The handlers are in `pages.booking`.
"""
