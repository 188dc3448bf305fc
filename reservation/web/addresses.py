"""Redirects to an address that a form or a link names, such as `next` of the sign-in."""

import re

# A path of this site: not //host nor /\host, which browsers take for another site's.
OWN_PATH = re.compile(r"/(?![/\\])[!-~]*")


def own_path(address: str, default: str = "/") -> str:
    """An address of this site; the default for any other, so that no link can lead elsewhere after a sign-in."""
    return address if OWN_PATH.fullmatch(address) and "\\" not in address else default
