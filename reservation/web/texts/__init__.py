"""What the pages say, in the reader's language: catalogues, forms of dates and money, and messages for refusals.

The catalogues themselves are in `locales`, a folder for each language but English, which the source is written in.
"""
