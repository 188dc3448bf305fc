"""The load kit: what customers do to the service, many times a second, with the books kept and audited."""


class LoadError(Exception):
    """What was asked of the load kit cannot be done; the message says why in one line."""
