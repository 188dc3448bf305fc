"""Queue tickets, admissions and lots: signed, of one customer and showtime, and the same in every worker."""

import base64
from time import time

import pytest

from reservation.waiting.passes import OWN_LOT, TICKET, PassSigner, _signed

FIRST, SECOND = "a-first-secret-that-is-long-enough-for-hs256", "another-secret-that-is-long-enough-for-hs256"


def test_a_ticket_keeps_its_place_for_its_customer_and_showtime_alone() -> None:
    signer = PassSigner([FIRST])
    for place in (-(2**52), -2, 1_795_415_159_628_612, signer.lot(42, 7)):
        ticket = signer.ticket(42, 7, place)
        assert signer.place_of(ticket, 42, 7) == place
        assert signer.place_of(ticket, 43, 7) is signer.place_of(ticket, 42, 8) is None


def test_an_admission_ends_and_is_no_ticket() -> None:
    signer, now_us = PassSigner([FIRST]), int(time() * 1_000_000)
    assert signer.admits(signer.admission(42, 7, now_us + 60_000_000), 42, 7)
    assert not signer.admits(signer.admission(42, 7, now_us - 1), 42, 7)
    assert not signer.admits(signer.ticket(42, 7, now_us + 60_000_000), 42, 7)
    assert signer.place_of(signer.admission(42, 7, now_us), 42, 7) is None


@pytest.mark.parametrize("text", ["", "x", "é", "=" * 50, "A" * 55, "A" * 54, "A" * 10_000, "\0", "a b", "%%%"])
def test_what_was_not_signed_is_neither(text: str) -> None:
    signer = PassSigner([FIRST])
    assert signer.place_of(text, 42, 7) is None
    assert not signer.admits(text, 42, 7)


def test_each_changed_character_makes_a_ticket_invalid() -> None:
    signer = PassSigner([FIRST])
    ticket = signer.ticket(42, 7, 1)
    for at, letter in enumerate(ticket[:-1]):  # the last one has two bits that mean nothing
        changed = ticket[:at] + ("A" if letter != "A" else "B") + ticket[at + 1 :]
        assert signer.place_of(changed, 42, 7) is None, at


def test_the_first_secret_signs_and_all_verify() -> None:
    old, both, new = PassSigner([FIRST]), PassSigner([SECOND, FIRST]), PassSigner([SECOND])
    ticket = old.ticket(42, 7, -5)
    assert both.place_of(ticket, 42, 7) == -5
    assert new.place_of(ticket, 42, 7) is None
    assert new.place_of(both.ticket(42, 7, -5), 42, 7) == -5


def numbers_in(ticket: str) -> tuple[int, ...]:
    """Each eight bytes of a ticket, as a client can read them."""
    raw = base64.urlsafe_b64decode(ticket + "=" * (-len(ticket) % 4))
    return tuple(int.from_bytes(raw[at : at + 8], signed=True) for at in range(len(raw) - 7))


def test_a_ticket_does_not_tell_its_lot() -> None:
    signer = PassSigner([FIRST])
    for user_id in range(1, 50):
        lot = signer.lot(42, user_id)
        ticket = signer.ticket(42, user_id, lot)
        assert lot not in numbers_in(ticket)
        assert numbers_in(ticket)[17] == OWN_LOT
        assert signer.place_of(ticket, 42, user_id) == lot


def test_a_ticket_keeps_its_lot_when_the_secret_changes() -> None:
    """It is that of the secret of before, which goes on verifying; new customers get lots of the new one."""
    old, both = PassSigner([FIRST]), PassSigner([SECOND, FIRST])
    lot = old.lot(42, 7)
    ticket = old.ticket(42, 7, lot)
    assert both.lot(42, 7) != lot
    assert both.place_of(ticket, 42, 7) == lot
    again = both.ticket(42, 7, lot)
    assert both.place_of(again, 42, 7) == lot
    assert lot not in numbers_in(again)


def test_a_ticket_of_the_version_before_which_has_the_lot_keeps_it() -> None:
    signer = PassSigner([FIRST])
    lot = signer.lot(42, 7)
    assert signer.place_of(_signed(signer._keys[0], TICKET, 42, 7, lot), 42, 7) == lot


def test_lots_are_always_the_same_and_spread_evenly() -> None:
    """By the customer, the showtime and the secret; no order of ids or showtimes shows in them."""
    signer = PassSigner([FIRST])
    lots = [signer.lot(42, user_id) for user_id in range(1, 4001)]
    assert lots == [PassSigner([FIRST]).lot(42, user_id) for user_id in range(1, 4001)]
    assert len({*lots}) == 4000
    assert all(-(2**52) <= lot < 0 for lot in lots)
    first_half = sum(lot < -(2**51) for lot in lots[:2000])
    assert 850 < first_half < 1150
    others = [signer.lot(43, user_id) for user_id in range(1, 4001)]
    same_side = sum((one < -(2**51)) == (other < -(2**51)) for one, other in zip(lots, others, strict=True))
    assert 1800 < same_side < 2200
    assert lots != [PassSigner([SECOND]).lot(42, user_id) for user_id in range(1, 4001)]
