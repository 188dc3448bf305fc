"""Sign up, log in, refresh tokens, log out."""

from collections.abc import Mapping
from typing import Any

from aiohttp import web
from marshmallow import EXCLUDE, Schema, ValidationError, fields, validate

from ...errors import AccountDisabled, EmailTaken, InvalidCredentials, InvalidToken, TooManyAttempts, TotpRequired
from ...identity import accounts as service
from ...identity.email_addresses import ADDRESS, MAX_EMAIL_CHARS, has_further_invisible
from ...identity.passwords import normalised
from ...identity.tokens import TokenPair
from ...mail.rendering import LANGUAGES
from ...runtime.fields import BLANK, Input, Text, VerbatimText
from ...settings import MAX_PASSWORD_CHARS, MIN_PASSWORD_CHARS
from ..app_keys import ACCOUNTS, BODY, CALLER
from ..input.accept_language import accepted_locales
from ..input.client_address import client_address
from ..output.responses import created_response, json_response
from ..output.schemas import UserOutput
from ..routes import Access, Routes
from ..security_events import record_event

routes = Routes("Accounts")

MOST_COMPOSED = 4  # code points that Unicode's form NFKC makes one of


class TypedAddress(VerbatimText):
    """What may be an e-mail address, without white space around it, and otherwise as typed."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        return super()._deserialize(value, attr, data, **rest).strip()


class Email(TypedAddress):
    """An e-mail address; shown as typed, compared as the function fold_email of the database does."""

    def __init__(self) -> None:
        metadata = {"pattern": f"^[{BLANK}]*{ADDRESS}[{BLANK}]*$", "examples": ["ada@example.com"]}
        super().__init__(MAX_EMAIL_CHARS, shortest=6, required=True, metadata=metadata)
        self.validators.append(validate.Regexp(rf"{ADDRESS}\Z", error="Not a valid email address."))
        self.validators.append(_refuse_further_invisible)


def _refuse_further_invisible(address: str) -> None:
    if has_further_invisible(address):
        raise ValidationError("Must not have invisible characters.")


class TokensOutput(Schema):
    """An access token, its lifetime in seconds, and the refresh token that gets the next pair."""

    access_token = fields.String(required=True)
    refresh_token = fields.String(required=True)
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(required=True)


class NewPassword(VerbatimText):
    """A password that is set, in Unicode's form NFKC; one that is easy to guess is refused, which no schema can say."""

    def __init__(self) -> None:
        metadata = {
            "format": "password",
            "maxLength": MOST_COMPOSED * MAX_PASSWORD_CHARS,
            "description": "Not one that is easy to guess, such as password1; in Unicode's form NFKC,"
            f" {MIN_PASSWORD_CHARS} to {MAX_PASSWORD_CHARS} characters",
        }
        super().__init__(MAX_PASSWORD_CHARS, shortest=MIN_PASSWORD_CHARS, required=True, metadata=metadata)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **rest: Any) -> str:
        password = super()._deserialize(value, attr, data, **rest)
        self._check_length(password, MOST_COMPOSED * self.longest)
        return normalised(password)


class SignupInput(Input):
    """A new customer."""

    name = Text(200, required=True)
    email = Email()
    password = NewPassword()


class NameInput(Input):
    """What a person may change of the account."""

    name = Text(200, required=True)


class GuestInput(Input):
    """A customer without an account."""

    name = Text(200, required=True)
    email = Email()


class GuestTokenOutput(Schema):
    """A guest's access token, its lifetime in seconds, and the guest. There is no refresh token."""

    access_token = fields.String(required=True)
    token_type = fields.String(required=True, validate=validate.Equal("Bearer"))
    expires_in = fields.Integer(required=True)
    user = fields.Nested(UserOutput(), required=True)


TOTP_METADATA = {
    "description": "Of an account with a second factor: the code of the authenticator app, or a recovery code",
    "examples": ["123456"],
}
MAX_CODE_CHARS = 64


class LoginInput(Input):
    """Login credentials. No rules for passwords apply here."""

    email = TypedAddress(MAX_EMAIL_CHARS, required=True, metadata={"examples": ["ada@example.com"]})
    password = VerbatimText(1024, required=True, metadata={"format": "password"})
    totp_code = VerbatimText(MAX_CODE_CHARS, load_default=None, allow_none=True, metadata=TOTP_METADATA)


class LoginFormInput(Input):
    """OAuth's password grant (RFC 6749, 4.3). Other fields, such as scope and client_id, are ignored."""

    class Meta:
        """Unknown fields are ignored, as RFC 6749, 3.2, requires."""

        unknown = EXCLUDE

    grant_type = fields.String(validate=validate.OneOf(("password",)), load_default="password")
    email = TypedAddress(
        MAX_EMAIL_CHARS, required=True, data_key="username", metadata={"description": "The e-mail address"}
    )
    password = VerbatimText(1024, required=True, metadata={"format": "password"})
    # A field without a value counts as left out (RFC 6749, 3.2).
    totp_code = VerbatimText(MAX_CODE_CHARS, blank=True, load_default=None, metadata=TOTP_METADATA)


class RefreshInput(Input):
    """A refresh token."""

    refresh_token = VerbatimText(4096, required=True)


@routes.add(
    "POST", "/auth/signup", body=SignupInput(), status=201, output=UserOutput(), raises=(EmailTaken, TooManyAttempts)
)
async def signup(request: web.Request) -> web.StreamResponse:
    """Create a customer's account.

    A mail with a token that confirms the e-mail address follows: see POST /auth/email/verify. A password that is easy
    to guess is 422, at `/password`, with the reason.
    """
    user = await service.sign_up(
        request.app[ACCOUNTS], **request[BODY], language=_language_of(request), address=client_address(request)
    )
    record_event(request, "sign_up", subject_id=user.id)
    return created_response(user, location="/auth/me")


@routes.add("POST", "/auth/guest", body=GuestInput(), status=201, output=GuestTokenOutput(), raises=(TooManyAttempts,))
async def make_guest(request: web.Request) -> web.StreamResponse:
    """Book without an account.

    The token is good for holding seats and for the reservations that are made with it. It cannot be refreshed. Any
    number of guests may have the same address, and an account may have it, too.
    """
    made = await service.sign_in_guest(
        request.app[ACCOUNTS], **request[BODY], language=_language_of(request), address=client_address(request)
    )
    response = created_response(made, location="/auth/me")
    response.headers["Cache-Control"] = "no-store"  # RFC 6749, 5.1
    return response


@routes.add(
    "POST",
    "/auth/login",
    body=LoginInput(),
    form=LoginFormInput(),
    output=TokensOutput(),
    raises=(InvalidCredentials, TotpRequired, AccountDisabled, TooManyAttempts),
)
async def login(request: web.Request) -> web.StreamResponse:
    """Log in with e-mail address and password.

    Also takes the form of OAuth's password grant (RFC 6749, 4.3). Errors are problem details in both cases; for wrong
    credentials they have OAuth's `error`, `invalid_grant`. The number of failed attempts is limited. An account with a
    second factor also needs a `totp_code`: without it, the right password is 401 `totp_required`.
    """
    body, address = request[BODY], client_address(request)
    pair = await service.log_in(
        request.app[ACCOUNTS],
        email=body["email"],
        password=body["password"],
        totp_code=body["totp_code"],
        address=address,
    )
    return _tokens(pair)


@routes.add("POST", "/auth/refresh", body=RefreshInput(), output=TokensOutput(), raises=(InvalidToken,))
async def refresh(request: web.Request) -> web.StreamResponse:
    """Exchange a refresh token for a new pair of tokens.

    A refresh token can be used once. For 30 seconds, the token that was used last gets the same pair again, in case the
    response was lost or two requests were sent at once. Any other second use ends the login session, since the token
    may have been stolen.
    """
    return _tokens(await service.refresh(request.app[ACCOUNTS], **request[BODY], address=client_address(request)))


@routes.add("POST", "/auth/logout", body=RefreshInput(), status=204, raises=(InvalidToken,))
async def logout(request: web.Request) -> web.StreamResponse:
    """End the login session of a refresh token."""
    await service.log_out(request.app[ACCOUNTS], **request[BODY], address=client_address(request))
    return web.Response(status=204)


@routes.add("GET", "/auth/me", access=Access.SIGNED_IN, output=UserOutput())
async def me(request: web.Request) -> web.StreamResponse:
    """The account of the access token or API key, or the guest."""
    return json_response(request[CALLER].user)


@routes.add("PUT", "/auth/me", access=Access.SIGNED_IN, body=NameInput(), output=UserOutput())
async def rename_me(request: web.Request) -> web.StreamResponse:
    """Change your name."""
    user_id = request[CALLER].user_id
    return json_response(await service.set_name(request.app[ACCOUNTS], user_id=user_id, name=request[BODY]["name"]))


def _tokens(pair: TokenPair) -> web.StreamResponse:
    # RFC 6749, 5.1: no cache may store tokens.
    return json_response(pair, headers={"Cache-Control": "no-store"})


def _language_of(request: web.Request) -> str | None:
    """The language of mails to this client: the one that it wants most of those that there are, as a tag."""
    locales = accepted_locales(request.headers.get("Accept-Language", ""))
    return next((str(each).replace("_", "-") for each in locales if each.language in LANGUAGES), None)
