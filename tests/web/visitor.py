"""A browser without JavaScript: keeps cookies, follows redirects, fills in forms and sends them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin

from aiohttp import CookieJar, web
from aiohttp.test_utils import TestClient
from yarl import URL

from tests.api import PASSWORD, Api, Person

VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}


@dataclass(slots=True)
class Form:
    """A form of a page: where it is sent, how, and the values that it has before somebody fills it in."""

    action: str
    method: str
    fields: list[tuple[str, str]] = field(default_factory=list)
    names: set[str] = field(default_factory=set)  # of all fields and buttons, those that are not checked as well
    buttons: list[tuple[str, str]] = field(default_factory=list)

    def filled_in(self, values: Mapping[str, str | list[str] | None]) -> list[tuple[str, str]]:
        """The fields with other values; a list for a name that several have, None for a box that is not ticked."""
        unknown = values.keys() - self.names
        assert not unknown, f"{self.action} has no {sorted(unknown)}, but {sorted(self.names)}"
        sent = [(name, text) for name, text in self.fields if name not in values]
        for name, given in values.items():
            sent += [(name, text) for text in ([given] if isinstance(given, str) else given or [])]
        return sent


class Page(HTMLParser):
    """A page that was received: its text, its headings, links and forms."""

    def __init__(self, status: int, url: str, html: str, headers: Any) -> None:
        super().__init__()
        self.status, self.url, self.html, self.headers = status, url, html, headers
        self.forms: list[Form] = []
        self.links: list[str] = []
        self.words: list[str] = []
        self.heading = ""
        self._open: list[str] = []
        self._select: str | None = None
        self._textarea: str | None = None
        self.feed(html)

    @property
    def text(self) -> str:
        """What a reader sees, words separated by one space."""
        return " ".join(" ".join(self.words).split())

    def form(self, action: str) -> Form:
        """The form that is sent to this path, whatever its query."""
        found = [form for form in self.forms if form.action.partition("?")[0] == action]
        assert found, f"no form for {action}, but {[form.action for form in self.forms]}"
        return found[0]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: text or "" for name, text in attrs}
        if tag not in VOID:
            self._open.append(tag)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        elif tag == "form":
            self.forms.append(Form(given.get("action", self.url), given.get("method", "get").upper()))
        elif self.forms and "disabled" not in given:
            self._add_control(tag, given)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._open:
            while self._open.pop() != tag:
                pass
        if tag == "select":
            self._select = None
        elif tag == "textarea":
            self._textarea = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            name, text = self.forms[-1].fields[-1]
            self.forms[-1].fields[-1] = name, text + data.removeprefix("\n")
        elif not {"script", "style", "title"}.intersection(self._open):
            self.words.append(data)
            if "h1" in self._open:
                self.heading += data

    def _add_control(self, tag: str, given: dict[str, str]) -> None:
        form, name, value = self.forms[-1], given.get("name", ""), given.get("value", "")
        kind = given.get("type", "submit" if tag == "button" else "text")
        if tag == "select":
            self._select = name
            form.names.add(name)
        elif tag == "option" and self._select:
            known = [each for each in form.fields if each[0] == self._select]
            if not known:
                form.fields.append((self._select, value))
            elif "selected" in given:
                form.fields[form.fields.index(known[-1])] = self._select, value
        elif tag == "textarea":
            self._textarea = name
            form.fields.append((name, ""))
            form.names.add(name)
        elif tag in ("input", "button") and name:
            form.names.add(name)
            if kind == "submit":
                form.buttons.append((name, value))
            elif kind not in ("checkbox", "radio") or "checked" in given:
                form.fields.append((name, value or ("on" if kind == "checkbox" else "")))


@dataclass(slots=True)
class Visitor:
    """One browser; it also checks what every page promises."""

    client: TestClient[web.Request, web.Application]
    headers: dict[str, str] = field(default_factory=dict)
    cookies: CookieJar = field(init=False)
    page: Page = field(init=False)

    def __post_init__(self) -> None:
        self.cookies = CookieJar(unsafe=True, treat_as_secure_origin=[self.origin])

    @property
    def origin(self) -> URL:
        """The address of the site."""
        return self.client.make_url("/").origin()

    async def open(self, path: str) -> Page:
        """Follow a link, and the redirects from there."""
        return await self._request("GET", path)

    async def submit(
        self, action: str, values: Mapping[str, str | list[str] | None] | None = None, **more: str | list[str] | None
    ) -> Page:
        """Fill in the form of the page that is sent to this path, and send it."""
        form = self.page.form(action)
        fields = form.filled_in({**(values or {}), **more})
        if form.method == "GET":
            return await self._request("GET", str(URL(form.action).with_query(fields)))
        return await self._request("POST", form.action, fields)

    async def send(self, path: str, **fields: str) -> Page:
        """Send fields to a path, whatever forms the page has, with the token of one of them."""
        tokens = [text for form in self.page.forms for name, text in form.fields if name == "form_token"]
        return await self._request("POST", path, [*fields.items(), ("form_token", tokens[0])])

    async def sign_in(self, person: Person, password: str = PASSWORD) -> Page:
        """Sign in by the form."""
        await self.open("/sign-in")
        page = await self.submit("/sign-in", email=person.email, password=password)
        assert page.status == 200, page.text
        return page

    async def _request(self, method: str, path: str, fields: list[tuple[str, str]] | None = None) -> Page:
        url, referer = urljoin(str(self.origin), path), {"Referer": getattr(self, "page", None) and self.page.url}
        for _ in range(5):
            headers = self.headers | {name: text for name, text in referer.items() if text}
            if method == "POST":
                headers["Origin"] = str(self.origin)
            headers["Cookie"] = "; ".join(f"{name}={text}" for name, text in self._cookies_for(url))
            async with self.client.session.request(
                method, url, data=fields, headers=headers, allow_redirects=False
            ) as response:
                self.cookies.update_cookies(response.cookies, response.url)
                html = await response.text()
                if response.status not in (302, 303):
                    self.page = Page(response.status, str(response.url), html, response.headers)
                    check_page(self.page)
                    return self.page
                method, url, fields = "GET", urljoin(url, response.headers["Location"]), None
        raise AssertionError(f"too many redirects at {url}")

    def cookie_header(self) -> str:
        """The cookies as a request has them."""
        return "; ".join(f"{name}={text}" for name, text in self._cookies_for(str(self.origin)))

    def _cookies_for(self, url: str) -> Iterator[tuple[str, str]]:
        for name, morsel in self.cookies.filter_cookies(URL(url)).items():
            yield name, morsel.value


def check_page(page: Page) -> None:
    """What every page promises: HTML under the strict policy, nothing inline, and a heading."""
    if page.headers["Content-Type"].startswith("text/html"):
        policy = page.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "style=" not in page.html
        assert "<style" not in page.html
        assert " onclick=" not in page.html
        assert page.heading.strip(), page.html


async def visitor_of(api: Api) -> Visitor:
    """A new browser on the service of an `api` fixture."""
    return Visitor(api.client)
