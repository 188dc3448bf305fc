"""One person has one account, however the e-mail address is typed, and whatever the locale of the database."""

import asyncio
from collections.abc import Iterator
from typing import Any
from unicodedata import normalize, ucd_3_2_0

import idna
import pytest

from reservation.embedded import Embedded
from reservation.identity import admins
from reservation.identity.email_addresses import typed_address
from reservation.settings import Settings
from tests.api import PASSWORD, Answer, Api, Connection
from tests.conftest import TEMPLATE, StartApi, cloned

AS_TYPED = "Jos\u00e9@B\u00fccher.example"
SPELLINGS = [
    AS_TYPED,
    normalize("NFD", AS_TYPED),
    AS_TYPED.upper(),
    normalize("NFD", AS_TYPED.upper()),
    "jos\u00e9@xn--bcher-kva.example",
    "JOS\u00c9@XN--BCHER-KVA.EXAMPLE",
    " jos\u00e9@b\u00fccher.example\n",
    "jos\u00e9@\uff42\u00fccher.example",
]
INVISIBLE = [
    "ad\u00ada@example.com",
    "ad\u200ba@example.com",
    "\u200eada@example.com",
    "ada\u202egro.elpmaxe@example.com",
    "ada@exam\u2066ple.com",
    "ada@example.com\ufeff",
    "ada@exam\u2060ple.com",
    "ada\u3164@example.com",
    "ada\ufe0f@example.com",
    "ada\U000e0061@example.com",
    "ada@example\U000e0100.com",
]
COMPARED = "jos\u00e9@xn--bcher-kva.example"
SAME = [
    ("strasse@example.com", "STRA\u1e9eE@example.com"),
    ("stra\u00dfe@example.com", "STRASSE@example.com"),
    ("ismail@example.com", "\u0130smail@example.com"),
    ("sam@example.com", "\u017fam@example.com"),
    ("\u03bf\u03b4\u03bf\u03c2@example.com", "\u039f\u0394\u039f\u03a3@example.com"),
    (
        "\u0438\u0432\u0430\u043d@\u043f\u043e\u0447\u0442\u0430.\u0440\u0444",
        "\u0418\u0412\u0410\u041d@xn--80a1acny.xn--p1ai",
    ),
    ("ana@stra\u00dfe.example", "ANA@xn--strae-oqa.example"),
]
DIFFERENT = [
    ("ana@strasse.example", "ana@stra\u00dfe.example"),  # two domains, of two owners
    ("jose@example.com", "jos\u00e9@example.com"),
    ("ana.b@example.com", "anab@example.com"),
    ("ana+b@example.com", "ana@example.com"),
    ("\uff41na@example.com", "ana@example.com"),  # a compatibility character: another mailbox
]


@pytest.fixture(params=["C.UTF-8", "C"])
def database_url(request: pytest.FixtureRequest, servers: Embedded, template_in_c: str) -> Iterator[str]:
    """A database of the locale in which lower() knows Unicode, and one in which it knows ASCII only."""
    with cloned(servers, template=template_in_c if request.param == "C" else TEMPLATE) as url:
        yield url


async def sign_up(api: Api, email: str) -> Answer:
    return await api.call("POST", "/auth/signup", {"name": "Ada", "email": email, "password": PASSWORD})


async def log_in(api: Api, email: str, password: str = PASSWORD) -> Answer:
    return await api.call("POST", "/auth/login", {"email": email, "password": password})


async def me(api: Api, email: str) -> Any:
    token = (await log_in(api, email)).json["access_token"]
    return (await api.call("GET", "/auth/me", headers={"Authorization": f"Bearer {token}"})).json


async def test_every_spelling_of_an_address_is_one_account_shown_as_typed(api: Api, db: Connection) -> None:
    made = await sign_up(api, AS_TYPED)
    assert (made.status, made.json["email"]) == (201, AS_TYPED)
    for spelling in SPELLINGS:
        assert (await sign_up(api, spelling)).code == "email_taken"
        assert await me(api, spelling) == made.json
    assert await db.fetchval("select fold_email(email) from users") == COMPARED


@pytest.mark.parametrize(("first", "second"), SAME)
async def test_addresses_that_are_one(api: Api, first: str, second: str) -> None:
    assert (await sign_up(api, first)).status == 201
    assert (await sign_up(api, second)).code == "email_taken"
    assert (await log_in(api, second)).status == 200


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
async def test_addresses_that_are_two(api: Api, first: str, second: str) -> None:
    assert (await sign_up(api, first)).status == 201
    assert (await log_in(api, second)).code == "invalid_credentials"
    assert (await sign_up(api, second)).status == 201


async def test_two_spellings_signed_up_at_once_are_one_account(api: Api, db: Connection) -> None:
    for number in range(4):
        answers = await asyncio.gather(*(sign_up(api, f"{number}{spelling.strip()}") for spelling in SPELLINGS))
        assert sorted(answer.status for answer in answers) == [201] + [409] * (len(SPELLINGS) - 1)
    assert await db.fetchval("select count(*) from users") == 4


async def test_administrators_and_the_box_office_find_an_account_by_any_spelling(api: Api) -> None:
    cinema, admin = await api.cinema(), await api.admin()
    made = (await sign_up(api, AS_TYPED)).json
    for number, spelling in enumerate(SPELLINGS[:6]):
        body = {"seat_ids": [cinema.seat_ids[number]], "customer": {"email": spelling, "name": "Somebody"}}
        held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=admin)
        assert held.status == 201, held.text
        users = await api.call("GET", "/admin/users", who=admin, params={"email": spelling})
        assert [user["id"] for user in users.json["items"]] == [made["id"]]
        found = await api.call("GET", "/admin/reservations", who=admin, params={"email": spelling})
        assert [item["customer"]["id"] for item in found.json["items"]] == [made["id"]] * (number + 1)


async def test_the_box_office_has_one_guest_for_all_spellings(api: Api) -> None:
    cinema, admin = await api.cinema(), await api.admin()
    for number, spelling in enumerate(SPELLINGS[:6]):
        name = normalize("NFD" if number % 2 else "NFC", "Ren\u00e9")
        body = {"seat_ids": [cinema.seat_ids[number]], "customer": {"email": spelling, "name": name}}
        assert (await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=admin)).status == 201
    users = await api.call("GET", "/admin/users", who=admin, params={"email": COMPARED})
    assert [(user["email"], user["name"], user["role"]) for user in users.json["items"]] == [
        (AS_TYPED, "Ren\u00e9", "guest")
    ]


async def test_failed_logins_count_for_one_account_in_all_spellings(start_api: StartApi) -> None:
    api = await start_api(LOGIN_FAILURES="3")
    await sign_up(api, AS_TYPED)
    assert [(await log_in(api, spelling, "a wrong one")).status for spelling in SPELLINGS[:5]] == [401] * 3 + [429] * 2
    assert [(await log_in(api, f"x{spelling.strip()}")).status for spelling in SPELLINGS[:5]] == [401] * 3 + [429] * 2


async def test_create_admin_finds_the_account_in_any_spelling(api: Api, settings: Settings, db: Connection) -> None:
    await sign_up(api, AS_TYPED)
    for spelling in SPELLINGS[1:6]:
        await asyncio.to_thread(admins.create_admin, settings, email=spelling, password="lamp on the stairs")
        await asyncio.to_thread(admins.mint_token, settings, email=spelling)
    assert [tuple(row) for row in await db.fetch("select email, role from users")] == [(AS_TYPED, "admin")]


async def test_the_domain_is_encoded_as_idna_does(db: Connection) -> None:
    domains = [
        "b\u00fccher.example", "stra\u00dfe.de", "\u4f8b\u5b50.\u6d4b\u8bd5", "\u0440\u0444.\u0440\u0444",
        "xn--bcher-kva.example", "\u05d3\u05d5\u05d2\u05de\u05d4.example", "\u0645\u062b\u0627\u0644.example",
        "\u03b2\u03cc\u03bb\u03bf\u03c2.gr", "\u1ea1\u0161\u00f1\u00f8.x\u00f6x.com", "\u65e5\u672c\u8a9e\u3002jp",
        "\ud55c\uad6d.kr", "a\u0308o\u0308u\u0308.de", "\u0e44\u0e17\u0e22.th", "\uff22\u00fccher.de",
        "\u092d\u093e\u0930\u0924.in",
    ]  # fmt: skip
    for domain in domains:
        for typed in (domain, domain.upper() if "\u00df" not in domain else domain):
            expected = idna.encode(typed, uts46=True).decode()
            assert await db.fetchval("select fold_email('a@' || $1::text)", typed) == f"a@{expected}"


async def test_case_is_folded_as_unicode_does(db: Connection) -> None:
    """All letters, but ligatures and other characters whose fold has several."""
    letters = [chr(code) for code in range(0xA1, 0x20000) if ucd_3_2_0.category(chr(code)).startswith("L")]
    wanted = {each: normalize("NFC", normalize("NFD", each).casefold()) for each in letters}
    rows = await db.fetch("select each, fold_case(each) as folded from unnest($1::text[]) as each", letters)
    several = "\u00df\u0149\u0587\u1e9a\ufb00\ufb01\ufb02\ufb03\ufb04\ufb05\ufb06\ufb13\ufb14\ufb15\ufb16\ufb17"
    assert [row["each"] for row in rows if row["folded"] != wanted[row["each"]]] == list(several)


@pytest.mark.parametrize("email", INVISIBLE)
async def test_an_address_with_an_invisible_or_a_bidirectional_character_is_422(api: Api, email: str) -> None:
    """Another person could not tell it from an address without the character."""
    for path, body in (("/auth/signup", {"name": "Ada", "password": PASSWORD}), ("/auth/guest", {"name": "Ada"})):
        answer = await api.call("POST", path, {**body, "email": email})
        assert (answer.status, answer.json["errors"][0]["pointer"]) == (422, "/email"), answer.text
    assert typed_address(email) is None


async def test_addresses_in_scripts_from_right_to_left_are_taken(api: Api) -> None:
    email = "\u05d9\u05e2\u05dc@\u05d3\u05d5\u05d2\u05de\u05d4.example"
    made = await api.call("POST", "/auth/signup", {"name": "Ada", "email": email, "password": PASSWORD})
    assert (made.status, made.json["email"]) == (201, email)
