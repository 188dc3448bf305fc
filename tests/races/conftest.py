"""Services whose limits no test of this folder is about."""

from collections.abc import Mapping

import pytest

from tests.conftest import PATIENT


@pytest.fixture
def limits() -> Mapping[str, str]:
    """Hundreds of requests at once, on a machine of any pace."""
    return PATIENT
