"""Signing up, in and out."""

from dataclasses import dataclass

from aiohttp import web
from marshmallow import EXCLUDE, Schema, fields, validate

from ...errors import EmailTaken, InvalidCredentials, InvalidToken, TooManyAttempts
from ...identity import accounts as service
from ...identity.tokens import TokenPair
from ...runtime.fields import Id, Input, Instant, Text
from ...settings import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from ..app_keys import ACCOUNTS, BODY, USER
from ..client_address import client_address
from ..responses import answer, created
from ..routes import Access, Routes

routes = Routes("Accounts")

ROLES = ("user", "staff", "admin")
MAX_EMAIL_CHARS = 254
# Something, an @, and a domain with a dot, in any script; whether there is such an address, only a letter would show.
# No `format` says this: `email` has ASCII alone, and `idn-email` depends on the tables of a version of Unicode.
LABEL = r"[^\u0000-\u002c\u002e\u002f\u003a-\u0040\u005b-\u0060\u007b-\u00a0\s]"
ADDRESS = rf'[^\u0000-\u0020\u007f-\u00a0\s@"(),:;<>\[\\\]]+@({LABEL}+\.)+{LABEL}{{2,}}'


class Email(Text):
    """An e-mail address; kept as typed, compared without regard to case."""

    def __init__(self) -> None:
        metadata = {"pattern": f"^{ADDRESS}$", "examples": ["ada@example.com"]}
        super().__init__(MAX_EMAIL_CHARS, shortest=6, required=True, metadata=metadata)
        self.validators.append(validate.Regexp(rf"{ADDRESS}\Z", error="Not a valid email address."))


class UserOutput(Schema):
    """An account."""

    id = Id(required=True)
    name = fields.String(required=True)
    email = fields.String(required=True)
    role = fields.String(required=True, validate=validate.OneOf(ROLES))
    created_at = Instant(required=True)


class TokensOutput(Schema):
    """An access token, the refresh token that gets the next one, and the access token's life in seconds."""

    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(required=True)


@dataclass(frozen=True, slots=True)
class Signup:
    """A new customer."""

    name: str
    email: str
    password: str


class SignupInput(Input):
    """A new customer; the role is not for the customer to choose."""

    makes = Signup
    name = Text(200, required=True)
    email = Email()
    password = Text(MAX_PASSWORD_CHARS, shortest=MIN_PASSWORD_CHARS, required=True, metadata={"format": "password"})


@dataclass(frozen=True, slots=True)
class Login:
    """Who says who they are."""

    email: str
    password: str


class LoginInput(Input):
    """Who says who they are; no rules about the password here, a wrong one is just wrong."""

    makes = Login
    email = Text(MAX_EMAIL_CHARS, required=True, metadata={"examples": ["ada@example.com"]})
    password = Text(1024, required=True, metadata={"format": "password"})


@dataclass(frozen=True, slots=True)
class Grant(Login):
    """The same in OAuth's words; of its grants only the password is taken here."""

    grant_type: str


class LoginFormInput(Input):
    """OAuth's password grant (RFC 6749, 4.3). Its other fields, such as scope and client_id, are ignored."""

    class Meta:
        """Unknown fields are ignored here, as RFC 6749, 3.2, demands."""

        unknown = EXCLUDE

    makes = Grant
    grant_type = fields.String(validate=validate.OneOf(("password",)), load_default="password")
    email = Text(MAX_EMAIL_CHARS, required=True, data_key="username", metadata={"description": "The e-mail address"})
    password = Text(1024, required=True, metadata={"format": "password"})


@dataclass(frozen=True, slots=True)
class Refresh:
    """A refresh token."""

    refresh_token: str


class RefreshInput(Input):
    """A refresh token."""

    makes = Refresh
    refresh_token = Text(4096, required=True)


@routes.add(
    "POST",
    "/auth/signup",
    body=SignupInput(),
    status=201,
    answer=UserOutput(),
    raises=(EmailTaken, TooManyAttempts),
)
async def signup(request: web.Request) -> web.StreamResponse:
    """Create a customer's account."""
    body: Signup = request[BODY]
    user = await service.sign_up(
        request.app[ACCOUNTS],
        name=body.name,
        email=body.email,
        password=body.password,
        address=client_address(request),
    )
    return created(user, location="/auth/me")


@routes.add(
    "POST",
    "/auth/login",
    body=LoginInput(),
    form=LoginFormInput(),
    answer=TokensOutput(),
    raises=(InvalidCredentials, TooManyAttempts),
)
async def login(request: web.Request) -> web.StreamResponse:
    """Sign in with e-mail address and password.

    Takes OAuth's password form (RFC 6749, 4.3), too, and answers as OAuth does. Failures are problem details also then;
    of wrong credentials `error` is `invalid_grant`. Failures are limited, successes are not.
    """
    body: Login = request[BODY]
    tokens = await service.log_in(
        request.app[ACCOUNTS], email=body.email, password=body.password, address=client_address(request)
    )
    return _tokens(tokens)


@routes.add("POST", "/auth/refresh", body=RefreshInput(), answer=TokensOutput(), raises=(InvalidToken,))
async def refresh(request: web.Request) -> web.StreamResponse:
    """Spend a refresh token for a new pair.

    A refresh token is good once. A second use means that somebody else has a copy, and ends the login session.
    """
    body: Refresh = request[BODY]
    return _tokens(await service.refresh(request.app[ACCOUNTS], refresh_token=body.refresh_token))


@routes.add("POST", "/auth/logout", body=RefreshInput(), status=204, raises=(InvalidToken,))
async def logout(request: web.Request) -> web.StreamResponse:
    """End the login session that a refresh token belongs to."""
    body: Refresh = request[BODY]
    await service.log_out(request.app[ACCOUNTS], refresh_token=body.refresh_token)
    return web.Response(status=204)


@routes.add("GET", "/auth/me", access=Access.SIGNED_IN, answer=UserOutput())
async def me(request: web.Request) -> web.StreamResponse:
    """The account that the token speaks for."""
    return answer(request[USER].user)


def _tokens(pair: TokenPair) -> web.StreamResponse:
    # RFC 6749, 5.1: nobody on the way may keep a token.
    return answer(pair, headers={"Cache-Control": "no-store"})
