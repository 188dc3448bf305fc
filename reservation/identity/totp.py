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
from ..errors import InvalidCredentials, NotFound, TotpEnrolled, TotpRequired
from ..runtime import security_log

STEP_S = 30
CODE_DIGITS = 6
DRIFT_STEPS = 1  # before and after now: the clock of a telephone may be half a minute off
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


async def confirm(database: Database, *, user_id: int, code: str) -> list[str]:
    """Confirm the secret with a code of it; the recovery codes, which are not stored.

    Raises NotFound if no enrolment was begun, TotpEnrolled, and InvalidCredentials for a wrong code.
    """
    found = await find(database, user_id=user_id)
    if found is None:
        raise NotFound("Begin the enrolment first.")
    if found.confirmed_at is not None:
        raise TotpEnrolled
    step = step_of(found.secret, code)
    if step is None:
        raise InvalidCredentials("The code is wrong.")
    codes = [_recovery_code() for _ in range(RECOVERY_CODES)]
    async with database.connection() as conn:
        if not await totp.confirm_totp(
            conn, user_id=user_id, secret=found.secret, step=step, recovery_hashes=[_hash_of(each) for each in codes]
        ):
            raise TotpEnrolled
    return codes


async def verify(database: Database, *, user_id: int, code: str | None, address: str) -> None:
    """Spend a code or a recovery code, if the account has enrolled; no code is asked of others.

    `address` is the client's, for the security log.

    Raises TotpRequired without a code, and InvalidCredentials for one that is wrong or was spent before.
    """
    found = await find(database, user_id=user_id)
    if found is None or found.confirmed_at is None:
        return
    if not code:
        raise TotpRequired
    step = step_of(found.secret, code)
    async with database.connection() as conn:
        if step is None:
            is_spent = await totp.spend_recovery_code(conn, user_id=user_id, code_hash=_hash_of(code))
        else:
            is_spent = await totp.spend_step(conn, user_id=user_id, secret=found.secret, step=step)
    if not is_spent:
        security_log.record("login_refused", user_id=user_id, address=address, factor="totp")
        raise InvalidCredentials("The code is wrong, or was used before.")


async def remove(database: Database, *, user_id: int) -> None:
    """Let the logins of an account need no code."""
    async with database.connection() as conn:
        await totp.delete_totp(conn, user_id=user_id)


def step_of(secret: str, code: str) -> int | None:
    """The time of a code, in steps since 1970, which is within DRIFT_STEPS of now; None for a wrong code."""
    digits = code.replace(" ", "")
    if len(digits) != CODE_DIGITS or not (digits.isascii() and digits.isdigit()):
        return None
    generator, now = pyotp.TOTP(secret), int(time()) // STEP_S
    found = None
    for step in range(now - DRIFT_STEPS, now + DRIFT_STEPS + 1):
        if hmac.compare_digest(generator.generate_otp(step), digits):
            found = step
    return found


def _recovery_code() -> str:
    groups = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_CHARS)) for _ in range(GROUPS))
    return "-".join(groups)


def _hash_of(code: str) -> bytes:
    """The SHA-256 of a recovery code, however it is typed."""
    typed = code.upper().replace("-", "").replace(" ", "")
    return sha256(typed.translate(str.maketrans("OIL", "011")).encode(errors="surrogateescape")).digest()
