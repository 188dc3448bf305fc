"""A reservation's code as people type it at the box office."""

import pytest
from marshmallow import ValidationError

from reservation.http.handlers.box_office import ReservationCode


@pytest.mark.parametrize(
    "typed",
    [
        "A0B1C1D9",
        "a0b1c1d9",
        "AOBICLD9",
        "aobicld9",
        " A0B1-C1D9 ",
        "A0B1\u2013C1D9",
        "\uff210\uff221\uff231\uff249",
        "\uff41\uff10\uff42\uff11\u3000\uff43\uff11\uff44\uff19",
    ],
)
def test_a_code_is_found_however_it_is_typed(typed: str) -> None:
    assert ReservationCode().deserialize(typed) == "A0B1C1D9"


@pytest.mark.parametrize("typed", ["A0B1C1D", "A0B1C1D9A", "A0B1C1DU", "A0B1.C1D9", ""])
def test_what_is_no_code_is_refused(typed: str) -> None:
    with pytest.raises(ValidationError):
        ReservationCode().deserialize(typed)
