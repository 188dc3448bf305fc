"""Mails about reservations: which events cause them, whom they tell, and what they say when they are sent."""

import email
from collections.abc import Sequence
from email import policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from pypdfium2 import PdfDocument

from tests.api import Api, Cinema, Connection, Person, slot
from tests.conftest import StartApi
from tests.mail.conftest import SmtpServer, StartSmtp
from tests.mailbox import CONFIRM_ADDRESS, last_to, mails_to, text_of

# The process was killed before it noted what the mail server had answered.
NOT_NOTED = "update deliveries set status = 'pending', ended_at = null, next_attempt_at = now() where kind = $1"
DUE = "update deliveries set next_attempt_at = now() where status = 'pending'"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The folder of the mails of `api`."""
    return tmp_path / "mail"


async def sold(api: Api, who: Person, cinema: Cinema, seat_ids: Sequence[int]) -> str:
    """Hold and confirm seats; gives the reservation's id."""
    held = await api.hold(who, cinema.showtime_id, list(seat_ids))
    assert (await api.confirm(who, held.json["id"])).status == 200
    return str(held.json["id"])


async def told(api: Api, folder: Path, who: Person) -> list[str]:
    """The subjects of the mails to a person about reservations, once nothing is due any more."""
    await api.work()
    subjects = [mail["Subject"] for mail in mails_to(folder, who.email)]
    return [each for each in subjects if each != CONFIRM_ADDRESS]


def taken_by(server: SmtpServer) -> list[EmailMessage]:
    mails = [email.message_from_bytes(each.original_content or b"", policy=policy.SMTP) for each in server.taken]
    return [mail for mail in mails if mail["Subject"] != CONFIRM_ADDRESS]


async def test_the_customers_of_a_load_test_get_no_mails(api: Api, db: Connection) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await db.execute("update users set email = 'load-000001@Load.Invalid' where id = $1", who.id)
    await sold(api, who, cinema, cinema.seat_ids[:2])
    await api.work()
    kinds = [row["kind"] for row in await db.fetch("select kind from deliveries where user_id = $1", who.id)]
    assert kinds == ["verify_email"]  # of the sign-up, which had another address


async def test_a_confirmed_reservation_is_told_once_and_a_hold_is_not(api: Api, folder: Path) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    assert await told(api, folder, who) == []
    reservation_id = await sold(api, who, cinema, cinema.seat_ids[1:3])
    [subject] = await told(api, folder, who)
    assert subject.startswith("Your tickets for A Film, ")
    shown = (await api.call("GET", f"/reservations/{reservation_id}", who=who)).json
    text = text_of(last_to(folder, who.email))
    for said in (shown["code"], "Row A, seat 2", "Row A, seat 3", "Total: $20.00", "A Room"):
        assert said in text
    attached = {each.get_filename(): each for each in last_to(folder, who.email).iter_attachments()}
    assert {name: each.get_content_type() for name, each in attached.items()} == {
        "tickets.pdf": "application/pdf",
        "tickets.ics": "text/calendar",
    }
    pdf = attached["tickets.pdf"].get_payload(decode=True)
    assert isinstance(pdf, bytes)
    assert len(PdfDocument(pdf)) == 1
    tickets = (await api.call("GET", f"/reservations/{reservation_id}/tickets", who=who)).json
    printed = "".join(page.get_textpage().get_text_range() for page in PdfDocument(pdf)).replace("-", "")
    assert [each["code"] for each in tickets["tickets"] if each["code"] not in printed] == []
    assert "SUMMARY:A Film" in attached["tickets.ics"].get_content()
    assert len(await told(api, folder, who)) == 1


async def test_a_cancelled_sale_is_told_and_a_released_hold_is_not(api: Api, folder: Path) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = await sold(api, who, cinema, cinema.seat_ids[:1])
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[1:2])
    await api.work()
    for each in (reservation_id, held.json["id"]):
        assert (await api.cancel(who, each)).status == 200
    subjects = await told(api, folder, who)
    assert [each.partition(":")[0] for each in subjects[1:]] == ["Cancelled"]
    assert "You cancelled it" in text_of(last_to(folder, who.email))
    [entry] = last_to(folder, who.email).iter_attachments()
    assert "METHOD:CANCEL" in entry.get_content()


async def test_a_sale_that_is_cancelled_before_its_mail_is_sent_is_not_confirmed_by_mail(
    api: Api, folder: Path, db: Connection
) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    assert (await api.cancel(who, await sold(api, who, cinema, cinema.seat_ids[:1]))).status == 200
    assert [each.partition(":")[0] for each in await told(api, folder, who)] == ["Cancelled"]
    kinds = await db.fetch("select kind, status from deliveries where reservation_id is not null order by id")
    assert [(row["kind"], row["status"]) for row in kinds] == [
        ("confirmation", "delivered"),
        ("cancellation", "delivered"),
    ]


async def test_a_changed_sale_is_told_with_what_it_was_and_a_changed_hold_is_not(api: Api, folder: Path) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    held = await api.hold(who, cinema.showtime_id, cinema.seat_ids[:1])
    body = {"seat_ids": cinema.seat_ids[1:3]}
    assert (await api.call("POST", f"/reservations/{held.json['id']}/seats", body, who=who)).status == 200
    assert (await api.confirm(who, held.json["id"])).status == 200
    cancel = {"seat_ids": cinema.seat_ids[:1]}
    assert (await api.call("POST", f"/reservations/{held.json['id']}/cancel", cancel, who=who)).status == 200
    subjects = await told(api, folder, who)
    assert [each.partition(" ")[2].partition(" ")[0] for each in subjects] == ["tickets", "reservation"]
    now, _, before = text_of(last_to(folder, who.email)).partition("Before")
    assert ("Row A, seat 1" in now, "Total: $20.00" in now) == (False, True)
    assert ("Row A, seat 1" in before, "Total: $30.00" in before) == (True, True)


async def test_a_changed_showtime_is_told_to_customers_and_to_those_who_hold_seats(api: Api, folder: Path) -> None:
    cinema = await api.cinema()
    buyer, holder, gone = [await api.sign_up() for _ in range(3)]
    await sold(api, buyer, cinema, cinema.seat_ids[:1])
    await api.hold(holder, cinema.showtime_id, cinema.seat_ids[1:2])
    await api.cancel(gone, await sold(api, gone, cinema, cinema.seat_ids[2:3]))
    await api.work()
    path, room = f"/admin/showtimes/{cinema.showtime_id}?force=true", await api.auditorium(name="Another Room")
    show = {"movie_id": cinema.movie_id, "auditorium_id": room[0], "base_price": "10.00"} | slot(30)
    assert (await api.call("PUT", path, show, who=await api.admin())).status == 200
    for who, count in ((buyer, 2), (holder, 1)):
        subjects = await told(api, folder, who)
        assert (len(subjects), subjects[-1].startswith("Changed: A Film, now ")) == (count, True)
        text = text_of(last_to(folder, who.email))
        assert "A Room." in text[text.index("Before: A Film") :]
        assert "Another Room" in text[: text.index("Before: A Film")]
    assert len(await told(api, folder, gone)) == 1  # of its cancel: it was not confirmed any more when it was told
    show |= {"base_price": "12.00"}
    assert (await api.call("PUT", path, show, who=await api.admin())).status == 200
    assert len(await told(api, folder, buyer)) == 2


async def test_a_cancelled_showtime_is_told_with_its_reason_to_customers_and_to_those_who_hold_seats(
    api: Api, folder: Path
) -> None:
    cinema, buyer, holder = await api.cinema(), await api.sign_up(), await api.sign_up()
    await sold(api, buyer, cinema, cinema.seat_ids[:1])
    await api.hold(holder, cinema.showtime_id, cinema.seat_ids[1:2])
    body = {"reason": "The projector is broken"}
    path = f"/admin/showtimes/{cinema.showtime_id}/cancel"
    assert (await api.call("POST", path, body, who=await api.admin())).status == 200
    for who in (buyer, holder):
        subjects = await told(api, folder, who)
        assert [each.partition(":")[0] for each in subjects] == ["Cancelled"]
        assert "The reason: The projector is broken" in text_of(last_to(folder, who.email))


async def test_customers_of_the_box_office_are_told_and_staff_is_not(api: Api, folder: Path) -> None:
    cinema, staff = await api.cinema(), await api.staff()
    customer = {"name": "G", "email": "counter@example.com"}
    body = {"seat_ids": cinema.seat_ids[:1], "customer": customer}
    held = await api.call("POST", f"/showtimes/{cinema.showtime_id}/holds", body, who=staff)
    assert (await api.confirm(staff, held.json["id"])).status == 200
    await sold(api, staff, cinema, cinema.seat_ids[1:2])
    assert await told(api, folder, staff) == []
    assert len(mails_to(folder, "counter@example.com")) == 1
    cancelled = await api.call("POST", f"/admin/reservations/{held.json['id']}/cancel", {"reason": "R"}, who=staff)
    assert cancelled.status == 200
    await api.work()
    assert "The box office cancelled it" in text_of(mails_to(folder, "counter@example.com")[-1])


async def test_a_mail_is_in_the_language_in_which_a_guest_came_and_does_not_have_the_name(
    api: Api, folder: Path
) -> None:
    cinema, headers = await api.cinema(), {"Accept-Language": "fr, de-AT;q=0.9, en;q=0.8"}
    body = {"name": "Visit evil.example", "email": "guest@example.com"}
    made = (await api.call("POST", "/auth/guest", body, headers=headers)).json
    guest = Person(made["user"]["id"], "guest@example.com", made["access_token"], "")
    await sold(api, guest, cinema, cinema.seat_ids[:1])
    [subject] = await told(api, folder, guest)
    assert subject.startswith("Ihre Karten für A Film, ")
    assert "$\xa010,00" in text_of(last_to(folder, guest.email))
    assert "evil" not in text_of(last_to(folder, guest.email)) + text_of(last_to(folder, guest.email), "html")


async def test_links_lead_to_the_pages_of_accounts(start_api: StartApi, folder: Path) -> None:
    api = await start_api(PUBLIC_URL="https://kino.example/", SITE_NAME="Kino & Co")
    cinema, who = await api.cinema(), await api.sign_up()
    reservation_id = await sold(api, who, cinema, cinema.seat_ids[:1])
    await api.work()
    assert f"https://kino.example/my/reservations/{reservation_id}" in text_of(last_to(folder, who.email))
    assert "Kino &amp; Co" in text_of(last_to(folder, who.email), "html")


async def test_a_mail_that_is_repeated_has_the_same_message_id(
    start_api: StartApi, start_smtp: StartSmtp, db: Connection
) -> None:
    server = start_smtp()
    api = await start_api(SMTP_URL=f"smtp://127.0.0.1:{server.port}", MAIL_FROM="Box <box@example.org>")
    cinema, who = await api.cinema(), await api.sign_up()
    for seats in (cinema.seat_ids[:1], cinema.seat_ids[1:2]):
        await sold(api, who, cinema, seats)
    await api.work()
    await db.execute(NOT_NOTED, "confirmation")
    await api.work()
    ids = [mail["Message-ID"] for mail in taken_by(server)]
    assert len(ids) == 4
    assert sorted(ids[:2]) == sorted(ids[2:])
    assert len({*ids}) == 2


async def test_mails_wait_while_the_server_is_away_and_a_refused_recipient_does_not_stop_the_others(
    start_api: StartApi, start_smtp: StartSmtp, db: Connection
) -> None:
    gone = start_smtp()
    api = await start_api(SMTP_URL="smtp://127.0.0.1:1", MAIL_FROM="box@example.org")
    cinema, people = await api.cinema(), [await api.sign_up() for _ in range(3)]
    await db.execute("delete from deliveries")
    for who, seat_id in zip(people, cinema.seat_ids, strict=False):
        await sold(api, who, cinema, [seat_id])
    await api.work()
    rows = await db.fetch("select status, attempts, last_error, next_attempt_at > now() as waits from deliveries")
    assert {(row["status"], row["attempts"], row["waits"]) for row in rows} == {("pending", 1, True)}
    assert {row["last_error"] for row in rows} == {"No connection: Connection refused."}

    gone.refused = {people[1].email}
    there = await start_api(SMTP_URL=f"smtp://127.0.0.1:{gone.port}", MAIL_FROM="box@example.org")
    await db.execute(DUE)
    await there.work()
    told = [mail["To"].addresses[0].addr_spec for mail in taken_by(gone)]
    assert sorted(told) == sorted([people[0].email, people[2].email])
    [dead] = await db.fetch("select user_id, last_error, last_status_code from deliveries where status = 'dead'")
    assert tuple(dead) == (people[1].id, "recipient refused: 550", 550)


async def test_a_template_that_fails_makes_a_dead_letter_that_names_it(
    start_api: StartApi, tmp_path: Path, db: Connection, folder: Path
) -> None:
    template = tmp_path / "templates" / "en" / "confirmation.txt"
    template.parent.mkdir(parents=True)
    template.write_text("Tickets\n{{ reservation.cod }}")
    api = await start_api(MAIL_TEMPLATES_DIR=str(tmp_path / "templates"))
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[:1])
    assert await told(api, folder, who) == []
    [dead] = await db.fetch("select kind, last_error from deliveries where status = 'dead'")
    assert dead["kind"] == "confirmation"
    assert dead["last_error"].startswith("en/confirmation.txt: ")

    template.write_text("Tickets of your own\n{{ reservation.code }}")
    await db.execute(NOT_NOTED, "confirmation")  # what an administrator's retry does
    assert await told(api, folder, who) == ["Tickets of your own"]


async def test_nothing_is_sent_to_a_person_who_was_erased_meanwhile(api: Api, folder: Path, db: Connection) -> None:
    cinema, who = await api.cinema(), await api.sign_up()
    await sold(api, who, cinema, cinema.seat_ids[:1])
    assert (await api.call("DELETE", "/auth/me", {"password": who.password}, who=who)).status == 204
    await api.work()
    assert mails_to(folder, who.email) == []
    assert await db.fetchval("select count(*) from deliveries where user_id = $1", who.id) == 0
