"""From the fields of a form to the body of an API call, and from the API's refusal back to the fields."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from ..errors import DomainError, Unavailable
from ..runtime.fields import MAX_ID
from .request_keys import FORM, LANGUAGE
from .texts.messages import message_of


@dataclass(slots=True)
class FormState:
    """What a form shows: the values of its fields, an error for each that is wrong, and one for the whole form."""

    values: Mapping[str, Any] = field(default_factory=dict)
    errors: dict[str, str] = field(default_factory=dict)
    error: str | None = None

    def __getitem__(self, name: str) -> Any:
        """The value of a field, empty if there is none."""
        value = self.values.get(name)
        return "" if value is None else value


def refused_form(request: web.Request, error: DomainError, fields: Mapping[str, str] = {}) -> FormState:
    """The form as it was sent, with the reasons of a refusal: 422's at their fields, others above the form.

    `fields` maps members of the API's body, such as `price` or `customer/name`, to fields that have other names.
    Raises Unavailable again: what failed for now is tried again, or is a problem page that says so.
    """
    if isinstance(error, Unavailable):
        raise error
    language, state = request[LANGUAGE], FormState(dict(request[FORM].items()))
    listed: Any = error.details.get("errors", ())
    for each in listed:
        pointer, reason = each["pointer"].lstrip("/"), language.sentences(each["detail"])
        member = pointer.partition("/")[0]
        name = fields.get(pointer) or fields.get(member, member)
        if name in state.values:
            state.errors[name] = reason
        else:
            state.error = f"{member}: {reason}"
    if not state.errors and state.error is None:
        state.error = message_of(language, error)
    return state


def text_of(request: web.Request, name: str) -> str:
    """A field without white space around it, empty if the form does not have it."""
    return request[FORM].get(name, "").strip()


def number_of(text: str) -> int | None:
    """A number such as an id, of at most MAX_ID's digits; None for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len(str(MAX_ID)) else None


def numbers_of(texts: Iterable[str]) -> list[int]:
    """Numbers such as those of ticked seats; what is none is left out."""
    return [number for text in texts if (number := number_of(text)) is not None]


def optional(request: web.Request, name: str, kind: Callable[[str], Any] = str) -> Any:
    """A field, None if it is empty; as its text where `kind` does not take it, so that the API says what is wrong."""
    text = text_of(request, name)
    if not text:
        return None
    try:
        return kind(text)
    except ValueError:
        return text
