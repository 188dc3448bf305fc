"""Sign up for an account, or book as a guest without one."""

from collections.abc import Mapping

from aiohttp import web

from ....errors import DomainError, EmailTaken
from ....identity.tokens import TokenPair
from ....runtime.lanes import Lane
from ...addresses import own_path
from ...api_client import ApiClient
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE, USER
from ...sessions import browser_sessions
from ...texts.messages import message_of

pages = PageTable(lane=Lane.ACCOUNT)


@pages.get("/sign-up")
async def sign_up_page(request: web.Request) -> web.StreamResponse:
    """The form; `next` is the path to go on at."""
    return await _sign_up_form(request, FormState(_known(request)))


@pages.post("/sign-up")
async def sign_up(request: web.Request) -> web.StreamResponse:
    """Create an account, and begin its session in this browser."""
    form, api = request[FORM], ApiClient(request)
    sent = {name: form.get(name, "") for name in ("name", "email", "password")}
    try:
        await api.post("/auth/signup", sent)
    except EmailTaken as error:
        state = FormState(dict(form.items()), errors={"email": message_of(request[LANGUAGE], error)})
        return await _sign_up_form(request, state, status=422)
    except DomainError as error:
        return await _sign_up_form(request, refused_form(request, error), status=422)
    tokens = await api.post("/auth/login", {"email": sent["email"], "password": sent["password"]})
    await browser_sessions.sign_in(request, TokenPair(**tokens))
    after = own_path(form.get("next", ""))
    return see_other(after if after != "/" else "/my/account?done=signed_up")


@pages.get("/guest")
async def guest_page(request: web.Request) -> web.StreamResponse:
    """The form; `next` is the path to go on at."""
    return render(request, "guest.html", form=FormState(_known(request)))


@pages.post("/guest")
async def book_as_guest(request: web.Request) -> web.StreamResponse:
    """Begin the session of a guest in this browser."""
    form = request[FORM]
    try:
        made = await ApiClient(request).post(
            "/auth/guest", {"name": form.get("name", ""), "email": form.get("email", "")}
        )
    except DomainError as error:
        return render(request, "guest.html", status=422, form=refused_form(request, error))
    await browser_sessions.sign_in_guest(request, access_token=made["access_token"], expires_in=made["expires_in"])
    return see_other(own_path(form.get("next", "")))


async def _sign_up_form(request: web.Request, form: FormState, *, status: int = 200) -> web.StreamResponse:
    config = await ApiClient(request).get("/config")
    return render(request, "sign_up.html", status=status, form=form, shortest=config["password_min_length"])


def _known(request: web.Request) -> Mapping[str, str]:
    """Where to go on, and what is known of a guest who now gets an account."""
    user, after = request[USER], {"next": own_path(request.query.get("next", ""))}
    return after if user is None or user.role != "guest" else after | {"name": user.name, "email": user.email}
