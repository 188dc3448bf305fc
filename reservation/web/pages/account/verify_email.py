"""Confirm the e-mail address of an account with the token that was mailed to it."""

from urllib.parse import quote

from aiohttp import web

from ....errors import DomainError, InvalidToken
from ....http.routes import Access
from ....runtime.lanes import Lane
from ...api_client import ApiClient
from ...forms import FormState, refused_form
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import LANGUAGE, USER
from ...sessions.mailed_tokens import forget_token, kept_token, sent_token, token_taken
from ...texts.marking import mark as _

pages = PageTable(Access.SIGNED_IN, lane=Lane.ACCOUNT)

COOKIE = "__Host-verify-token"
PATH = "/verify-email"

DEAD_TOKEN = _("This link or code has been used, is too old, or is for another account.")


# Public, so that the link's token is kept and is not in the address of the sign-in, which may come next.
@pages.get(PATH, access=Access.PUBLIC)
async def verify_email_page(request: web.Request) -> web.StreamResponse:
    """The button that confirms the address; the link of the mail has the `token`."""
    if (without_token := token_taken(request, COOKIE)) is not None:
        return without_token
    if request[USER] is None:
        return see_other(f"/sign-in?next={quote(PATH)}")
    return render(request, "verify_email.html", form=FormState(), has_token=kept_token(request, COOKIE) is not None)


@pages.post(PATH)
async def verify_email(request: web.Request) -> web.StreamResponse:
    """Confirm the address of the account that is signed in."""
    try:
        await ApiClient(request).post("/auth/email/verify", {"token": sent_token(request, COOKIE)})
    except InvalidToken:
        forget_token(request, COOKIE)
        form = FormState(error=request[LANGUAGE].gettext(DEAD_TOKEN))
        return render(request, "verify_email.html", status=422, form=form, has_token=False)
    except DomainError as error:
        has_token = kept_token(request, COOKIE) is not None
        return render(request, "verify_email.html", status=422, form=refused_form(request, error), has_token=has_token)
    forget_token(request, COOKIE)
    return see_other("/my/account?done=verified")
