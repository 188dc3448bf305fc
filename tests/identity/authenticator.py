"""An authenticator app: what a person enrols for one-time passwords."""

from time import time

import pyotp

from tests.api import Answer, Api, Person

STEP_S = 30


def code_of(secret: str, *, later: int = 0) -> str:
    """The code of a secret, so many steps later than now."""
    return pyotp.TOTP(secret).generate_otp(int(time()) // STEP_S + later)


async def enrol(api: Api, who: Person) -> tuple[str, list[str]]:
    """Enrol an authenticator app, with the code of the step before: the secret and the recovery codes."""
    begun = await api.call("POST", "/auth/totp", who=who)
    assert begun.status == 200, begun.text
    confirmed = await api.call("POST", "/auth/totp/confirm", {"code": code_of(begun.json["secret"], later=-1)}, who=who)
    assert confirmed.status == 200, confirmed.text
    return begun.json["secret"], confirmed.json["recovery_codes"]


async def log_in(api: Api, who: Person, code: str | None = None) -> Answer:
    """Try to log in, with a code if one is given."""
    body = {"email": who.email, "password": who.password} | ({} if code is None else {"totp_code": code})
    return await api.call("POST", "/auth/login", body)
