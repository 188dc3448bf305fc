"""What `serve --demo` prints: addresses, logins, and a booking to paste into a shell."""

from string import Template

from ..settings import Settings
from .demo import ADMIN_EMAIL, ADMIN_PASSWORD, CUSTOMER_EMAIL, CUSTOMER_PASSWORD

_GUIDE = Template("""\
The demo is running
  the site           $site/
  API documentation  $base_url/docs
  customer           $customer_email / $customer_password
  administrator      $admin
  mails              $mails

Book two seats for tomorrow (paste into a shell; needs curl and python3):

  BASE=$base_url
  pick() { python3 -c "import json, sys; d = json.load(sys.stdin); print($$1)"; }
  call() { curl -sS -H "Authorization: Bearer $$TOKEN" -H "Content-Type: application/json" "$$@"; }
  TOKEN=$$(curl -sS "$$BASE/auth/login" -H "Content-Type: application/json" \\
    -d '{"email": "$customer_email", "password": "$customer_password"}' | pick 'd["access_token"]')
  DAY=$$(python3 -c 'import datetime as d; print(d.datetime.now(d.timezone.utc).date() + d.timedelta(days=1))')
  SHOW=$$(call "$$BASE/showtimes?date=$$DAY&limit=1" | pick 'd["items"][0]["id"]')
  SEATS=$$(call "$$BASE/showtimes/$$SHOW/seats" \\
    | pick '[s["id"] for s in d["seats"] if s["status"] == "available" and s["seat_type"] == "regular"][:2]')
  HOLD=$$(call "$$BASE/showtimes/$$SHOW/holds" -d "{\\"seat_ids\\": $$SEATS}" | pick 'd["id"]')
$last_steps
""")

_CONFIRM = """\
  call -X POST "$BASE/reservations/$HOLD/confirm"; echo"""
_PAY_ELSEWHERE = Template("""\
  # The box office, which has taken the money, says so; that confirms the reservation. The customer reads it.
  STAFF=$$(curl -sS "$$BASE/auth/login" -H "Content-Type: application/json" \\
    -d '{"email": "$admin_email", "password": "$admin_password"}' | pick 'd["access_token"]')
  curl -sS -X POST "$$BASE/reservations/$$HOLD/pay" -H "Authorization: Bearer $$STAFF"; echo
  call "$$BASE/reservations/$$HOLD"; echo""")
_PAY_ELSEWHERE_YOURSELF = """\
  # Now POST $BASE/reservations/$HOLD/pay as staff or with an API key, which says that it was paid, confirms it."""
_PAY_BY_STRIPE = """\
  PAGE=$(call -X POST "$BASE/reservations/$HOLD/pay" | pick 'd["checkout_url"]')
  echo "Pay in a browser: $PAGE" """
_PRESS_BUTTON = """
  # Or press the button of that page so; no money moves. Stripe then tells the service, which confirms the reservation.
  curl -sS -o /dev/null -d card=pm_card_visa "$PAGE"
  for try in 1 2 3 4 5 6 7 8 9 10; do
    call "$BASE/reservations/$HOLD" | grep '"status": *"confirmed"' && break; sleep 1
  done"""


def guide(base_url: str, settings: Settings) -> str:
    """The guide of a service that listens at `base_url`; the booking ends as the payment provider wants it.

    The site is at PUBLIC_URL where that is set: payments and mails lead there.
    """
    base_url = base_url.rstrip("/")
    return _GUIDE.substitute(
        base_url=base_url,
        site=settings.public_url or base_url,
        admin=f"{ADMIN_EMAIL} / {ADMIN_PASSWORD}" if settings.embedded else "make one with reservation create-admin",
        mails="sent by SMTP_URL" if settings.smtp_url else f"files in {settings.mail_folder}, as there is no SMTP_URL",
        customer_email=CUSTOMER_EMAIL,
        customer_password=CUSTOMER_PASSWORD,
        last_steps=_last_steps(settings),
    )


def _last_steps(settings: Settings) -> str:
    """The commands that make the hold final."""
    if settings.payment_provider == "stripe":
        return _PAY_BY_STRIPE.rstrip() + (_PRESS_BUTTON if settings.stripe_api_base else "")
    if settings.payment_provider == "none":
        return _CONFIRM
    if not settings.embedded:  # the administrator's password is not known
        return _PAY_ELSEWHERE_YOURSELF
    return _PAY_ELSEWHERE.substitute(admin_email=ADMIN_EMAIL, admin_password=ADMIN_PASSWORD)
