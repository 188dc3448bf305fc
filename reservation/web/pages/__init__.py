"""The handlers of the pages: a module for each thing that people do, with a table of its pages."""

from . import manage_home, preferences, sign_in, whats_on

TABLES = (
    manage_home.pages,
    preferences.pages,
    sign_in.pages,
    whats_on.pages,
)
