"""What is on, as visitors see it: films, cinemas, and the showtimes to come.

`cache` keeps what the public pages read for some seconds, `filters` reads what a visitor asks for, and `offers` tells
the state of each showtime's sale. The handlers are in `pages.whats_on` and `pages.films`.
"""
