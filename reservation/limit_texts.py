"""What each limit is on, for the messages of errors: a reader sees which one was reached, and which setting has it."""

MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
COOLING_OFF = "MAX_UNCONFIRMED_HOLDS_OF_SEAT"
ON_CUSTOMERS = {
    "MAX_HOLDS_PER_USER": "You have as many live holds as one customer may have (MAX_HOLDS_PER_USER, or the limit "
    "of your API key): confirm or cancel one, or wait until one expires.",
    "MAX_SEATS_PER_USER_PER_SHOWTIME": "You would have more seats of this showtime, held and booked, than one customer "
    "may have (MAX_SEATS_PER_USER_PER_SHOWTIME, or the limit of your API key): take fewer.",
    COOLING_OFF: "You have held one of these seats too often without confirming it (MAX_UNCONFIRMED_HOLDS_OF_SEAT, "
    "within COOLING_OFF_MINUTES): choose others, or try later.",
}
# By the policy that the header RateLimit-Policy names. Without a setting the limit is fixed.
ON_ATTEMPTS = {
    "login": ("failed logins to this account from your address", "LOGIN_FAILURES"),
    "login-by-address": ("failed logins from your address", "LOGIN_FAILURES_PER_ADDRESS"),
    "login-by-account": ("failed logins to this account", "LOGIN_FAILURES_PER_ACCOUNT"),
    "signup-by-address": ("sign-ups from your address", "SIGNUPS_PER_MINUTE_PER_ADDRESS"),
    "signup-by-account": ("sign-ups with this e-mail address", ""),
    "mail": ("mails to this e-mail address from your address", ""),
    "mail-by-address": ("requests for mails from your address", "SIGNUPS_PER_MINUTE_PER_ADDRESS"),
    "mail-by-account": ("mails to this e-mail address", ""),
    "totp": ("wrong codes of this account", ""),
    "idempotency-keys": ("stored idempotency keys of this account", "IDEMPOTENCY_KEYS_PER_DAY"),
    "holds-by-address": ("holds from your address", "HOLDS_PER_MINUTE_PER_ADDRESS"),
    "holds-by-api-key": ("holds of this API key", "its limit holds_per_minute"),
}
KEY_CONCURRENCY = "This API key has as many requests under way as one may have (API_KEY_CONCURRENCY): try again later."
BACK_OFFICE = "Too many lists and administrative requests of API keys are under way: try again later."
STREAMS = "Your address has as many event streams open as one may have (STREAMS_PER_ADDRESS): close one, or try later."
HELD_SEATS = (
    "Your address would have more seats of this showtime in live holds than one may have (HELD_SEATS_PER_ADDRESS): "
    "confirm or cancel a hold, or try later."
)
WAITING_PLACES = "Your address has as many places in this waiting room as one may have (WAITING_PLACES_PER_ADDRESS)."


def attempts_text(policy: str, most: int, window_s: int) -> str:
    """Which attempts were too many, how many there may be, and the setting that says so."""
    what, setting = ON_ATTEMPTS[policy]
    names = {MINUTE_S: "a minute", HOUR_S: "an hour", DAY_S: "a day"}
    minutes = f"{window_s // MINUTE_S} minutes" if window_s % MINUTE_S == 0 else f"{window_s} s"
    source = f" ({setting})" if setting else ""
    return f"Too many {what}: at most {most} in {names.get(window_s, minutes)}{source}. Wait before the next one."
