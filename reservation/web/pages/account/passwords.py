"""A forgotten password: ask for a mail, and choose a new one with the token in it."""

from aiohttp import web

from ....errors import DomainError, InvalidToken
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...sessions import browser_sessions
from ...sessions.mailed_tokens import forget_token, kept_token, sent_token, token_taken
from ...texts.marking import mark as _

pages = PageTable(lane=Lane.ACCOUNT)

COOKIE = "__Host-reset-token"

DEAD_TOKEN = _("This link or code has been used, or is too old. Please ask for another mail.")


@pages.get("/forgot-password")
async def forgot_password_page(request: web.Request) -> web.StreamResponse:
    """The form that asks for a mail; `sent` once that was done."""
    return render(request, "forgot_password.html", form=FormState(), is_sent="sent" in request.query)


@pages.post("/forgot-password")
async def request_mail(request: web.Request) -> web.StreamResponse:
    """Ask for a mail; the answer is the same whether or not there is such an account."""
    try:
        await ApiClient(request).post("/auth/password/forgot", {"email": request[FORM].get("email", "")})
    except DomainError as error:
        form = refused_form(request, error)
        return render(request, "forgot_password.html", status=422, form=form, is_sent=False)
    return see_other("/forgot-password?sent=1")


@pages.get("/reset-password")
async def reset_password_page(request: web.Request) -> web.StreamResponse:
    """The form for the new password; the link of the mail has the `token`."""
    return token_taken(request, COOKIE) or await _form(request, FormState())


@pages.post("/reset-password")
async def reset_password(request: web.Request) -> web.StreamResponse:
    """Choose the new password; all sessions end, also that of this browser."""
    body = {"token": sent_token(request, COOKIE), "new_password": request[FORM].get("new_password", "")}
    try:
        await ApiClient(request).post("/auth/password/reset", body)
    except InvalidToken:
        forget_token(request, COOKIE)
        state = FormState(error=request[LANGUAGE].gettext(DEAD_TOKEN))
        return await _form(request, state, status=422, has_token=False)
    except DomainError as error:
        return await _form(request, refused_form(request, error), status=422)
    forget_token(request, COOKIE)
    await browser_sessions.sign_out(request)
    return see_other("/sign-in?done=password")


async def _form(
    request: web.Request, form: FormState, *, status: int = 200, has_token: bool | None = None
) -> web.StreamResponse:
    config = await ApiClient(request).get("/config")
    return render(
        request,
        "reset_password.html",
        status=status,
        form=form,
        shortest=config["password_min_length"],
        has_token=kept_token(request, COOKIE) is not None if has_token is None else has_token,
    )
