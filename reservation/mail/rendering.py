"""The texts of mails, from templates: `<language>/<kind>.txt`, whose first line is the subject, and `<kind>.html`.

A folder of the installation may have files of the same names, which are used in place of the shipped ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from babel import Locale
from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PackageLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)

from ..runtime.locale_formats import LocaleFormats, parse_locale
from ..settings import Settings
from ..settings.environment import InvalidSettings

LANGUAGES = ("en", "de")


class WrongTemplate(Exception):
    """A template cannot be rendered; the message names the file and the mistake, and no person."""


@dataclass(frozen=True, slots=True)
class MailText:
    """What a mail says."""

    subject: str
    text: str
    html: str


class MailTemplates:
    """The templates of an installation. `site_url` is its web site, None for no links; `language` is the default."""

    def __init__(self, folder: Path | None, *, site_name: str, site_url: str | None, currency: str, language: str):
        loaders: list[BaseLoader] = [PackageLoader("reservation.mail")]
        if folder is not None:
            loaders.insert(0, FileSystemLoader(folder))
        self.environment = Environment(
            loader=ChoiceLoader(loaders),
            autoescape=select_autoescape(["html"]),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self.environment.globals |= {"site_name": site_name, "site_url": site_url}
        self._currency = currency
        self._language = language
        if folder is not None:
            self._check(folder)

    @classmethod
    def from_settings(cls, settings: Settings) -> Self:
        """Those of the settings; raises InvalidSettings if one of the installation's own is wrong."""
        return cls(
            settings.mail_templates_dir,
            site_name=settings.site_name,
            site_url=settings.public_url,
            currency=settings.currency,
            language=settings.mail_language,
        )

    def render(self, kind: str, language: str | None, values: Mapping[str, object]) -> MailText:
        """The text of a mail in the language of a tag such as de-AT, if there is one; raises WrongTemplate."""
        locale = self.locale(language)
        formats = LocaleFormats(locale)
        values = {
            "language": locale.language,
            "money": lambda amount: formats.money(amount, self._currency),
            "day": formats.day,
            "clock": formats.clock,
            "moment": formats.moment,
        } | dict(values)
        subject, _, text = self._render(f"{locale.language}/{kind}.txt", values).partition("\n")
        html = self._render(f"{locale.language}/{kind}.html", values | {"subject": subject})
        return MailText(subject, text.strip("\n") + "\n", html)

    def locale(self, language: str | None) -> Locale:
        """The locale of a tag, if there are mails in its language; else that of the installation."""
        locale = parse_locale(language or "")
        return locale if locale is not None and locale.language in LANGUAGES else Locale(self._language)

    def _render(self, name: str, values: Mapping[str, object]) -> str:
        try:
            return self.environment.get_template(name).render(values)
        except TemplateSyntaxError as error:
            raise WrongTemplate(_mistake(error)) from error
        except TemplateError as error:  # such as a variable that there is not; the message has no values
            raise WrongTemplate(f"{name}: {error.message}") from error
        except Exception as error:  # of an expression in it, with a message that may have values
            raise WrongTemplate(f"{name}: {type(error).__name__}") from error

    def _check(self, folder: Path) -> None:
        """Refuse a folder that is missing or has a file with a wrong syntax; otherwise the first mail would fail."""
        if not folder.is_dir():
            raise InvalidSettings(f"MAIL_TEMPLATES_DIR: there is no folder {folder}")
        names = [path.relative_to(folder).as_posix() for end in ("txt", "html") for path in folder.rglob(f"*.{end}")]
        for name in names:
            try:
                self.environment.get_template(name)
            except TemplateSyntaxError as error:
                raise InvalidSettings(f"MAIL_TEMPLATES_DIR: {_mistake(error)}") from error


def _mistake(error: TemplateSyntaxError) -> str:
    return f"{error.name}, line {error.lineno}: {error.message}"
