"""One-time passwords (TOTP, RFC 6238) as a second factor of logins: enrolment, verification and recovery codes."""

import hmac
import secrets
from dataclasses import dataclass
from hashlib import sha256
from time import time

import pyotp

from ..db.pool import Database
from ..db.repository import totp
from ..db.repository.accounts import User
from ..db.repository.totp import Totp
from ..errors import InvalidCredentials, NotFound, TooManyAttempts, TotpEnrolled, TotpRequired
from ..runtime import security_log
from .metrics import ATTEMPTS_LIMITED

STEP_S = 30
CODE_DIGITS = 6
DRIFT_STEPS = 1  # before and after now: the clock of a telephone may be half a minute off
# Of an account, from whatever address: three codes of a million are right at a time, so 240 guesses a day find one of
# them with a probability of 0.07 %. Counted in PostgreSQL, since nothing is limited while Redis does not answer.
WRONG_CODES, WRONG_CODES_WINDOW_S = 10, 3600
RECOVERY_CODES = 10
# Crockford's base32, as codes of reservations: 24 characters are 120 bits, which need no slow hash.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
GROUPS, GROUP_CHARS = 4, 6


@dataclass(frozen=True, slots=True)
class Enrolment:
    """A secret that is not confirmed yet, in base32 and as the content of the QR code for an authenticator app."""

    secret: str
    otpauth_uri: str


async def find(database: Database, *, user_id: int) -> Totp | None:
    """The secret of an account."""
    async with database.connection() as conn:
        return await totp.find_totp(conn, user_id=user_id)


async def is_enrolled(database: Database, *, user_id: int) -> bool:
    """Whether logins of an account need a code."""
    found = await find(database, user_id=user_id)
    return found is not None and found.confirmed_at is not None


async def begin(database: Database, *, user: User, issuer: str) -> Enrolment:
    """Make a secret, in place of one that was not confirmed; raises TotpEnrolled."""
    secret = pyotp.random_base32()
    async with database.connection() as conn:
        if not await totp.begin_totp(conn, user_id=user.id, secret=secret):
            raise TotpEnrolled
    return Enrolment(secret, pyotp.TOTP(secret).provisioning_uri(name=user.email, issuer_name=issuer))


async def confirm(database: Database, *, user_id: int, code: str, address: str) -> list[str]:
    """Confirm the secret with a code of it; the recovery codes, which are not stored.

    `address` is the client's, for the security log.

    Raises NotFound if no enrolment was begun, TotpEnrolled, InvalidCredentials for a wrong code, and TooManyAttempts.
    """
    found = await find(database, user_id=user_id)
    if found is None:
        raise NotFound("Begin the enrolment first.")
    if found.confirmed_at is not None:
        raise TotpEnrolled
    step = step_of(found.secret, code, at_s=time())
    if not await _try_code(database, user_id=user_id, secret=found.secret, step=step) or step is None:
        security_log.record("reauthentication_refused", user_id=user_id, address=address, factor="totp")
        raise InvalidCredentials("The code is wrong.")
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    async with database.connection() as conn:
        if not await totp.confirm_totp(
            conn, user_id=user_id, secret=found.secret, step=step, recovery_hashes=[_hash_of(each) for each in codes]
        ):
            raise TotpEnrolled
    return codes


async def verify(
    database: Database, *, user_id: int, code: str | None, address: str, refusal: str = "reauthentication_refused"
) -> str:
    """Spend a code or a recovery code, if the account has enrolled; no code is asked of others.

    Returns the factor, which is `totp`, `recovery_code`, or `password` for an account without a second factor.
    `refusal` is the event of a wrong code for the security log, and `address` the client's.

    Raises TotpRequired without a code, InvalidCredentials for one that is wrong or was spent before, and
    TooManyAttempts after too many wrong codes of the app. Recovery codes cannot be guessed: these go on working.
    """
    found = await find(database, user_id=user_id)
    if found is None or found.confirmed_at is None:
        return "password"
    if not code:
        raise TotpRequired
    factor = "recovery_code" if _digits_of(code) is None else "totp"
    if factor == "totp":
        step = step_of(found.secret, code, at_s=time())
        is_spent = await _try_code(database, user_id=user_id, secret=found.secret, step=step)
    else:
        async with database.connection() as conn:
            is_spent = await totp.spend_recovery_code(conn, user_id=user_id, code_hash=_hash_of(code))
    if not is_spent:
        security_log.record(refusal, user_id=user_id, address=address, factor="totp")
        raise InvalidCredentials("The code is wrong, or was used before.")
    return factor


async def remove(database: Database, *, user_id: int) -> None:
    """Let the logins of an account need no code."""
    async with database.connection() as conn:
        await totp.delete_totp(conn, user_id=user_id)


async def _try_code(database: Database, *, user_id: int, secret: str, step: int | None) -> bool:
    """Spend the code of a step, or count a wrong code; raises TooManyAttempts."""
    async with database.connection() as conn:
        tried = await totp.try_code(
            conn, user_id=user_id, secret=secret, step=step, most=WRONG_CODES, window_s=WRONG_CODES_WINDOW_S
        )
    if tried is not None and tried.retry_after_s is not None:
        ATTEMPTS_LIMITED.counts["totp"] += 1
        raise TooManyAttempts(
            policy="totp", most=WRONG_CODES, window_s=WRONG_CODES_WINDOW_S, retry_after_s=tried.retry_after_s
        )
    return tried is not None and tried.is_right


def step_of(secret: str, code: str, *, at_s: float) -> int | None:
    """The time of a code, in steps since 1970, which is within DRIFT_STEPS of a Unix time; None for a wrong code."""
    digits = _digits_of(code)
    if digits is None:
        return None
    generator, now = pyotp.TOTP(secret), int(at_s) // STEP_S
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(generator.generate_otp(step), digits):
            found = step
    return found


def _digits_of(code: str) -> str | None:
    """The digits of what may be a code of the app; None for anything else, such as a recovery code."""
    digits = code.replace(" ", "")
    return digits if len(digits) == CODE_DIGITS and digits.isascii() and digits.isdigit() else None


def _recovery_code() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS)) for _ in range(GROUPS))
    return "-".join(groups)


def _hash_of(code: str) -> bytes:
    """The SHA-256 of a recovery code, however it is typed."""
    typed = code.upper().replace("-", "").replace(" ", "")
    return sha256(typed.translate(str.maketrans("OIL", "011")).encode(errors="surrogateescape")).digest()
