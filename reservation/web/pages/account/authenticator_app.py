"""The authenticator app of an account: to enrol it with a QR code, and to remove it."""

from base64 import b64encode

from aiohttp import web

from ....errors import DomainError, InvalidCredentials
from ....http.routes import Access
from ....runtime.lanes import Lane
from ....tickets.qr_codes import qr_svg
from ...api_client import ApiClient
from ...forms import FormState, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import LANGUAGE
from ...texts.marking import mark as _

pages = PageTable(Access.SIGNED_IN, lane=Lane.ACCOUNT)

PATH = "/my/account/authenticator-app"
WRONG_CODE = _("This code is wrong, or was used before.")


@pages.get(PATH)
async def authenticator_app(request: web.Request) -> web.StreamResponse:
    """Whether there is one, and the forms."""
    return await _page(request, FormState())


@pages.post(f"{PATH}/begin")
async def begin(request: web.Request) -> web.StreamResponse:
    """Make a secret, and show it as a QR code and as text."""
    try:
        made = await ApiClient(request).post("/auth/totp")
    except DomainError as error:
        return await _page(request, refused_form(request, error), status=422)
    return _enrolment(request, FormState(made))


@pages.post(f"{PATH}/confirm")
async def confirm(request: web.Request) -> web.StreamResponse:
    """Confirm the secret with a code, and show the recovery codes."""
    try:
        made = await ApiClient(request).post("/auth/totp/confirm", {"code": text_of(request, "code")})
    except DomainError as error:
        return await _page(request, _refused(request, error), status=422)
    return render(request, "authenticator_app_codes.html", codes=made["recovery_codes"])


@pages.post(f"{PATH}/remove")
async def remove(request: web.Request) -> web.StreamResponse:
    """Let the sign-in ask for no code any more."""
    try:
        await ApiClient(request).delete("/auth/totp", body={"code": text_of(request, "code")})
    except DomainError as error:
        return await _page(request, _refused(request, error), status=422)
    return see_other(PATH)


def _refused(request: web.Request, error: DomainError) -> FormState:
    """The form with the reason; a code that is wrong is said at its field."""
    if isinstance(error, InvalidCredentials):
        return FormState(errors={"code": request[LANGUAGE].gettext(WRONG_CODE)})
    return refused_form(request, error)


def _enrolment(request: web.Request, form: FormState) -> web.StreamResponse:
    picture = b64encode(qr_svg(str(form["otpauth_uri"]))).decode()
    return render(request, "authenticator_app_enrolment.html", form=form, picture=picture)


async def _page(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    totp = await ApiClient(request).get("/auth/totp")
    return render(request, "authenticator_app.html", status=status, form=form, totp=totp)
