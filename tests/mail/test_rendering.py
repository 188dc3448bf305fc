"""The texts of mails: every kind in every language, escaped, and replaced by templates of the installation."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reservation.mail.rendering import LANGUAGES, MailTemplates, WrongTemplate
from reservation.settings.environment import InvalidSettings
from tests.mail.conftest import TEMPLATES

SHOWTIME = {
    "movie": "Fish & <Chips>",
    "format": "3D",
    "starts_at": datetime(2027, 3, 1, 19, 30, tzinfo=UTC),
    "ends_at": datetime(2027, 3, 1, 21, 30, tzinfo=UTC),
    "auditorium": "Saal 1",
    "cinema": "Lichtburg",
    "cinema_address": "Lindenstraße 7, Potsdam",
    "timezone": "Europe/Berlin",
    "is_cancelled": False,
    "cancel_reason": None,
}
SEATS = [
    {"row_label": "C", "seat_number": 4, "ticket_type": "", "price": Decimal("12.50")},
    {"row_label": "C", "seat_number": 5, "ticket_type": "child", "price": Decimal("7.50")},
]
RESERVATION = {
    "code": "7M3K0X2Q",
    "status": "confirmed",
    "seats": SEATS,
    "total_price": Decimal("1020.00"),
    "cancelled_by": "customer",
    "expires_at": datetime(2027, 3, 1, 18, 0, tzinfo=UTC),
}
VALUES: dict[str, dict[str, Any]] = {
    kind: {
        "reservation": RESERVATION,
        "showtime": SHOWTIME,
        "before": None,
        "refund": None,
        "has_tickets": True,
        "link": "https://example.org/my/reservations/1",
    }
    for kind in ("confirmation", "cancellation", "change", "reminder", "refund", "showtime_changed")
}
VALUES["refund"] |= {"refund": Decimal("20.00")}
TOKEN = "t" * 43
ACCOUNT = {"page": "/page", "token": TOKEN, "link": None, "minutes": 30, "days": 3}
VALUES |= {"reset_password": ACCOUNT, "verify_email": ACCOUNT}
VOID = {"meta", "br", "img", "link", "hr"}
OUTSIDE = re.compile(r"<(?:img|link|script|style|iframe)|url\(|@import|src=", re.IGNORECASE)


@dataclass
class Page(HTMLParser):
    """The words of an HTML mail, and its elements that are not closed."""

    words: list[str] = field(default_factory=list)
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, _: Any) -> None:
        if tag not in VOID:
            self.opened.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.opened.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words += data.split()


def page_of(html: str) -> Page:
    page = Page()
    page.feed(html)
    page.close()
    return page


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", VALUES)
def test_text_and_html_of_each_kind_say_the_same_in_each_language(kind: str, language: str) -> None:
    rendered = TEMPLATES.render(kind, language, VALUES[kind])
    page = page_of(rendered.html)
    assert page.opened == []
    assert OUTSIDE.search(rendered.html) is None
    assert "{" not in rendered.text
    assert rendered.subject
    assert "\n\n\n" not in rendered.text
    said = " ".join(page.words)
    for told in ("7M3K0X2Q", "Fish & <Chips>", "Lindenstraße") if "reservation" in VALUES[kind] else (TOKEN,):
        assert told in rendered.text
        assert told in said
    assert f'lang="{language}"' in rendered.html


@pytest.mark.parametrize(
    ("language", "label"), [("en", "for questions at the box office:"), ("de", "für Fragen an der Kasse:")]
)
@pytest.mark.parametrize("kind", [kind for kind, values in VALUES.items() if "reservation" in values])
@pytest.mark.parametrize("has_tickets", [True, False])
def test_the_code_of_a_reservation_is_for_the_box_office_wherever_a_mail_has_it(
    kind: str, language: str, label: str, has_tickets: bool
) -> None:
    rendered = TEMPLATES.render(kind, language, VALUES[kind] | {"has_tickets": has_tickets})
    for said in (rendered.text, " ".join(page_of(rendered.html).words)):
        words = " ".join(said.split())
        assert words.count("7M3K0X2Q") == words.count(f"{label} 7M3K0X2Q") > 0


def test_languages_have_the_same_templates() -> None:
    names = [
        {each.partition("/")[2] for each in TEMPLATES.environment.list_templates() if each.startswith(f"{language}/")}
        for language in LANGUAGES
    ]
    assert names[0] == names[1]
    assert {f"{kind}.{end}" for kind in VALUES for end in ("txt", "html")} <= names[0]


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ("de", ["Montag, 1. März 2027, 20:30", "1.020,00\xa0€", "Summe"]),
        ("de-AT", ["Montag, 1. März 2027, 20:30", "€\xa01.020,00"]),
        ("en-GB", ["1 March 2027, 20:30", "€1,020.00", "Total"]),
        ("fr", ["Monday, March 1, 2027", "€1,020.00"]),
        ("nonsense", ["Monday, March 1, 2027"]),
        (None, ["Monday, March 1, 2027"]),
    ],
)
def test_times_and_amounts_have_the_form_of_the_customers_locale(tag: str | None, said: list[str]) -> None:
    text = TEMPLATES.render("confirmation", tag, VALUES["confirmation"]).text
    for each in said:
        assert each in text


def test_the_default_language_is_that_of_the_installation() -> None:
    german = MailTemplates(None, site_name="Kino", site_url=None, currency="EUR", language="de")
    assert german.render("verify_email", None, ACCOUNT).subject == "E-Mail-Adresse bestätigen"
    assert german.render("verify_email", "en-US", ACCOUNT).subject == "Confirm your e-mail address"


def test_titles_and_addresses_are_escaped_in_html() -> None:
    showtime = SHOWTIME | {"cinema_address": "<script>x</script>", "auditorium": "<b>"}
    html = TEMPLATES.render("confirmation", "en", VALUES["confirmation"] | {"showtime": showtime}).html
    assert "<script>" not in html
    assert "<b>" not in html
    assert "Fish &amp; &lt;Chips&gt;" in html
    assert "&amp;lt;" not in html


@pytest.mark.parametrize("kind", ["reset_password", "verify_email"])
def test_a_mail_with_a_link_has_no_token_beside_it(kind: str) -> None:
    link = "https://example.org/page?a=1&token=abc"
    rendered = TEMPLATES.render(kind, "en", ACCOUNT | {"link": link})
    assert link in rendered.text
    assert 'href="https://example.org/page?a=1&amp;token=abc"' in rendered.html
    assert TOKEN not in rendered.text + rendered.html


def test_a_cancellation_says_who_cancelled_and_why_and_what_is_refunded() -> None:
    values = VALUES["cancellation"]
    called_off = values | {"showtime": SHOWTIME | {"is_cancelled": True, "cancel_reason": "Projector broken"}}
    staff = values | {"reservation": RESERVATION | {"cancelled_by": "staff"}, "refund": Decimal("20.00")}
    said = [TEMPLATES.render("cancellation", "en", each).text for each in (values, called_off, staff)]
    assert "You cancelled it" in said[0]
    assert "refund" not in said[0]
    assert "The reason: Projector broken" in said[1]
    assert "The box office cancelled it" in said[2]
    assert "We refund €20.00" in said[2]


def installed(folder: Path, files: Mapping[str, str]) -> MailTemplates:
    """Templates of an installation that has these files."""
    for name, content in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(content)
    return MailTemplates(folder, site_name="Kino", site_url=None, currency="EUR", language="en")


def test_a_file_of_the_installation_replaces_one_template_and_the_others_stay(tmp_path: Path) -> None:
    templates = installed(tmp_path, {"en/reminder.txt": "Come to {{ showtime.movie }}\nNow!\n"})
    rendered = templates.render("reminder", "en", VALUES["reminder"])
    assert (rendered.subject, rendered.text) == ("Come to Fish & <Chips>", "Now!\n")
    assert "Come to Fish &amp; &lt;Chips&gt;" in rendered.html  # the shipped one, which shows the subject
    assert "Ihr Film" in templates.render("reminder", "de", VALUES["reminder"]).html
    (tmp_path / "en" / "reminder.txt").write_text("Another\nText\n")
    assert templates.render("reminder", "en", VALUES["reminder"]).subject == "Another"


def test_a_layout_of_the_installation_is_that_of_all_mails(tmp_path: Path) -> None:
    templates = installed(tmp_path, {"layout.html": "<b>{{ site_name }}</b>{% block content %}{% endblock %}"})
    assert templates.render("reminder", "en", VALUES["reminder"]).html.startswith("<b>Kino</b>")
    assert templates.render("verify_email", "de", ACCOUNT).html.startswith("<b>Kino</b>")


@pytest.mark.parametrize(
    ("content", "mistake"),
    [
        ("{{ nobody }}", r"en/reminder.txt: 'nobody' is undefined"),
        ("{{ reservation.code / 0 }}", r"en/reminder.txt: TypeError$"),
        ("{% include 'nothing.txt' %}", r"en/reminder.txt: nothing.txt"),
    ],
)
def test_a_template_that_fails_names_its_file_and_no_value(tmp_path: Path, content: str, mistake: str) -> None:
    templates = installed(tmp_path, {"en/reminder.txt": f"S\n{content}"})
    with pytest.raises(WrongTemplate, match=mistake):
        templates.render("reminder", "en", VALUES["reminder"])


def test_a_template_that_becomes_wrong_names_the_line(tmp_path: Path) -> None:
    templates = installed(tmp_path, {"en/reminder.txt": "S\nT"})
    (tmp_path / "en" / "reminder.txt").write_text("S\n{% if %}")
    with pytest.raises(WrongTemplate, match=r"en/reminder.txt, line 2: "):
        templates.render("reminder", "en", VALUES["reminder"])


def test_the_start_refuses_a_wrong_template_and_a_folder_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettings, match=r"MAIL_TEMPLATES_DIR: de/change.html, line 1: "):
        installed(tmp_path, {"de/change.html": "{% block %}"})
    with pytest.raises(InvalidSettings, match="MAIL_TEMPLATES_DIR: there is no folder"):
        installed(tmp_path / "missing", {})
