"""Which letters an operator asks for, and how many there are of which kind."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from connectors.dead_letters.letter import DeadLetter

MOST_KINDS = 500
OTHERS = "(others)"
UNKNOWN = "(unknown)"


@dataclass(frozen=True)
class Selection:
    """Letters that fit everything that is asked for; times are epoch milliseconds, [since, until)."""

    reasons: frozenset[str] = frozenset()
    model_types: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    since_ms: int | None = None
    until_ms: int | None = None
    original_since_ms: int | None = None
    original_until_ms: int | None = None

    def takes(self, letter: DeadLetter) -> bool:
        """A letter that doesn't say what is asked for isn't taken."""
        return (
            _among(letter.reason, self.reasons)
            and _among(letter.model_type, self.model_types)
            and _among(letter.tenant_id, self.tenants)
            and _within(letter.appended_ms, self.since_ms, self.until_ms)
            and _within(letter.provenance.timestamp_ms, self.original_since_ms, self.original_until_ms)
        )


@dataclass
class Tally:
    """Counts in constant memory: whoever writes letters chooses the names, so not every name gets a line."""

    letters: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    model_types: Counter[str] = field(default_factory=Counter)
    tenants: Counter[str] = field(default_factory=Counter)

    def add(self, letter: DeadLetter) -> None:
        self.letters += 1
        _count(self.reasons, letter.reason)
        _count(self.model_types, letter.model_type or UNKNOWN)
        _count(self.tenants, letter.tenant_id or UNKNOWN)


def _among(value: str | None, wanted: frozenset[str]) -> bool:
    return not wanted or value in wanted


def _within(time_ms: int | None, since_ms: int | None, until_ms: int | None) -> bool:
    if since_ms is None and until_ms is None:
        return True
    if time_ms is None:
        return False
    return (since_ms is None or time_ms >= since_ms) and (until_ms is None or time_ms < until_ms)


def _count(counts: Counter[str], name: str) -> None:
    counts[name if name in counts or len(counts) < MOST_KINDS else OTHERS] += 1
