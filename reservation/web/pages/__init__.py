"""The handlers of the pages: a module for each thing that people do, with a table of its pages."""

from . import preferences, sign_in, whats_on

TABLES = (whats_on.pages, sign_in.pages, preferences.pages)
