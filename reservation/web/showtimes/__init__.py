"""The showtimes of a day at one cinema, as administrators plan them.

`days` reads a day, `timeline` draws it and finds overlaps, `form` reads and fills the form of a showtime, and
`reserved` counts whom a change concerns. The handlers are in `pages.manage`.
"""
