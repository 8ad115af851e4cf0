"""What a database's exception means for whoever asked."""

from __future__ import annotations

import pytest
from sqlalchemy import exc

from connectors.database.failures import failure_of
from schemas.errors import DatabaseUnavailable


@pytest.mark.parametrize(
    "error",
    [exc.TimeoutError("QueuePool limit"), ConnectionRefusedError(), TimeoutError()],
    ids=["every connection in use", "refused", "silent"],
)
def test_what_waiting_may_mend_is_unavailable(error: Exception) -> None:
    assert isinstance(failure_of(error), DatabaseUnavailable)
