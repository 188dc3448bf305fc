"""Posters for films without a picture, drawn as SVG from the film's title, genre and director.

`poster` puts a poster together and serves it; `art` has the pictures, `palettes` the colours, `text` fits the title in.
"""
