"""Pages of a kind of thing that administrators create, edit and delete: films, cinemas, rooms, ticket types."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from ....errors import DomainError, PreconditionFailed
from ...api_client import ApiClient
from ...forms import FormState, refused_form, text_of
from ...page_table import PageTable, see_other
from ...rendering import render
from ...request_keys import FORM, LANGUAGE
from ...texts.marking import mark as _

Thing = Mapping[str, Any]  # as the API's JSON has it
CONFLICT, REFUSED = 412, 422

SAVED_MEANWHILE = _("Saved by another administrator in the meantime: {value}")
EMPTY = _("(empty)")


async def _nothing(_request: web.Request) -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True, slots=True)
class ManagedThing:
    """The pages of one kind of thing: its form to create, edit and delete it.

    The template gets `form`, `thing` (None for a new one), `etag`, `action`, and what `context` gives. The ETag goes
    through the form: a thing that has changed since the form was opened is shown with both values, and can then be
    saved.
    """

    api: str  # the path of the operations: /admin/movies
    path: str  # of the pages: /manage/films
    template: str
    body: Callable[[web.Request], dict[str, Any]]  # the API's body, from the form
    fields: Callable[[web.Request, Thing], dict[str, Any]]  # the form's values, from the API's JSON
    new: Mapping[str, Any]  # the values that the form of a new one begins with
    listed_at: str  # the page that lists them
    suggested: Callable[[web.Request], Awaitable[Mapping[str, Any]]] = _nothing  # further first values, which are read
    context: Callable[[web.Request], Awaitable[Mapping[str, Any]]] = _nothing
    after_create: Callable[[Thing], str] | None = None
    renamed: Mapping[str, str] | None = None  # fields of the form that have other names than the body's members

    def add_to(self, pages: PageTable) -> None:
        """Add the pages: new, edit and delete."""
        one = self.path + r"/{thing_id:\d+}"
        pages.get(self.path + "/new")(self.show_new)
        pages.post(self.path + "/new")(self.create)
        pages.get(one)(self.show)
        pages.post(one)(self.replace)
        pages.post(one + "/delete")(self.delete)

    async def show_new(self, request: web.Request) -> web.StreamResponse:
        """The empty form; the query gives first values, such as the cinema of a new room."""
        given = {name: text for name, text in request.query.items() if name in self.new}
        return await self._form(request, FormState({**self.new, **await self.suggested(request), **given}))

    async def create(self, request: web.Request) -> web.StreamResponse:
        """Create it, or show what is wrong."""
        try:
            made = await ApiClient(request).post(self.api, self.body(request))
        except DomainError as error:
            return await self._form(request, refused_form(request, error, self.renamed or {}), status=REFUSED)
        return see_other(self.after_create(made) if self.after_create else f"{self.listed_at}?done=created")

    async def show(self, request: web.Request) -> web.StreamResponse:
        """The form with what is stored."""
        thing, etag = await self._stored(request)
        return await self._form(request, FormState(self.fields(request, thing)), thing, etag)

    async def replace(self, request: web.Request) -> web.StreamResponse:
        """Save it, or show what is wrong, or the values that were saved since the form was opened."""
        path = f"{self.api}/{request.match_info['thing_id']}"
        try:
            await ApiClient(request).put(path, self.body(request), etag=text_of(request, "etag") or None)
        except PreconditionFailed as error:
            return await self._conflict(request, error)
        except DomainError as error:
            thing, _etag = await self._stored(request)
            state = refused_form(request, error, self.renamed or {})
            return await self._form(request, state, thing, text_of(request, "etag"), status=REFUSED)
        return see_other(f"{self.listed_at}?done=saved")

    async def delete(self, request: web.Request) -> web.StreamResponse:
        """Delete it, or show why it cannot be."""
        path = f"{self.api}/{request.match_info['thing_id']}"
        try:
            await ApiClient(request).delete(path, etag=text_of(request, "etag") or None)
        except DomainError as error:
            thing, etag = await self._stored(request)
            state = FormState(self.fields(request, thing), error=refused_form(request, error).error)
            return await self._form(request, state, thing, etag, status=409)
        return see_other(f"{self.listed_at}?done=deleted")

    async def _conflict(self, request: web.Request, error: DomainError) -> web.StreamResponse:
        """The form as it was sent, with the stored value at each field that differs."""
        thing, etag = await self._stored(request)
        state, language = refused_form(request, error), request[LANGUAGE]
        for name, stored in self.fields(request, thing).items():
            if str("" if stored is None else stored) != request[FORM].get(name, "").replace("\r\n", "\n"):
                value = language.gettext(EMPTY) if stored in (None, "") else str(stored)
                state.errors[name] = language.gettext(SAVED_MEANWHILE).format(value=value)
        return await self._form(request, state, thing, etag, status=CONFLICT)

    async def _stored(self, request: web.Request) -> tuple[Thing, str]:
        answer = await ApiClient(request).call("GET", f"{self.api}/{request.match_info['thing_id']}")
        return answer.json, answer.etag or ""

    async def _form(
        self, request: web.Request, form: FormState, thing: Thing | None = None, etag: str = "", *, status: int = 200
    ) -> web.StreamResponse:
        action = f"{self.path}/new" if thing is None else f"{self.path}/{thing['id']}"
        more = await self.context(request)
        return render(request, self.template, status=status, form=form, thing=thing, etag=etag, action=action, **more)
