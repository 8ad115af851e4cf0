"""What a database's exception means for whoever asked: wait for it, give the row up, or correct something.

Reasons are class names, SQLSTATEs and names of constraints: a database's own words may quote a row.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sqlalchemy import exc

from schemas.errors import DatabaseRefused, DatabaseUnavailable, RowRefused, VeriAIDPOError

# Classes of SQLSTATEs: https://www.postgresql.org/docs/current/errcodes-appendix.html
ROWS: Final = ("22", "23", "54")
"""Data exceptions, integrity constraints, limits of the program: of the row, and no waiting mends it."""

PASSING: Final = ("08", "25", "40", "53", "55", "57", "58")
"""Connections, read-only standbys, deadlocks, resources, locks, shutdowns, the machine below."""

_AWAY: Final = (exc.OperationalError, exc.InterfaceError, exc.TimeoutError, OSError)


def failure_of(error: BaseException) -> VeriAIDPOError | None:
    """The error in our terms; None for one that nobody foresaw."""
    causes = list(_causes(error))
    for cause in causes:
        if isinstance(cause, VeriAIDPOError):
            return cause
        if isinstance(state := getattr(cause, "sqlstate", None), str) and state:
            return _of_state(state, cause)
    for cause in causes:
        if isinstance(cause, exc.IntegrityError | exc.DataError | ValueError | OverflowError):
            return _refused(type(cause).__name__)
    # SQLite's are operational: locked, full, gone. Of asyncpg's client side: closed while it was used. Of the
    # pool: every connection is in use.
    if any(isinstance(cause, _AWAY) for cause in causes):
        return DatabaseUnavailable(reason=type(causes[-1]).__name__)
    if any(type(cause).__name__ in ("InterfaceError", "InternalClientError") for cause in causes):
        return DatabaseUnavailable(reason=type(causes[-1]).__name__)
    return None


def _of_state(state: str, cause: BaseException) -> VeriAIDPOError:
    constraint = getattr(cause, "constraint_name", None)
    named = f"{state} {type(cause).__name__}" + (f", {constraint}" if constraint else "")
    if state.startswith(ROWS):
        return _refused(named)
    if state.startswith(PASSING):
        return DatabaseUnavailable(reason=named)
    return DatabaseRefused(reason=named)


def _refused(reason: str) -> RowRefused:
    return RowRefused(reason=reason, reason_vi=reason)


def _causes(error: BaseException) -> Iterator[BaseException]:
    """The error, and what it wraps, outermost first."""
    seen: set[int] = set()
    at: BaseException | None = error
    while at is not None and id(at) not in seen:
        seen.add(id(at))
        yield at
        original = at.orig if isinstance(at, exc.DBAPIError) else None
        at = original if isinstance(original, BaseException) else at.__cause__
