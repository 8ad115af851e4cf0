"""How long the service took to settle what was published before a fault. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.codec import Codec
from schemas.errors import BadRecord
from schemas.events import ClassificationResult
from tests.chaos.ledger import Books, provenance


@dataclass(frozen=True)
class Settlement:
    """A request record: when it arrived and when its first outcome did; None where it has none."""

    arrived_ms: int
    settled_ms: int | None


def settlements(books: Books) -> list[Settlement]:
    """Of every record on the request topics, by the broker's own append times."""
    answered: dict[bytes, int] = {}
    for stored in books.results:
        result = _result(stored.value)
        if result is not None:
            request_id = result.request_id.encode()
            answered[request_id] = min(stored.timestamp_ms, answered.get(request_id, stored.timestamp_ms))
    dead: dict[object, int] = {}
    for letter in books.dead_letters:
        place = provenance(letter)
        dead[place] = min(letter.timestamp_ms, dead.get(place, letter.timestamp_ms))
    return [
        Settlement(stored.timestamp_ms, dead.get(stored.place, answered.get(stored.key or b"")))
        for stored in books.requests
    ]


def caught_up_s(found: list[Settlement], fault_ms: int, read_ms: int) -> float:
    """Seconds from a fault until everything that had arrived by then was settled.

    What was still unsettled when the topics were read counts as settled then: at least so long it took.
    """
    last = max(
        (
            read_ms if one.settled_ms is None else one.settled_ms
            for one in found
            if one.arrived_ms <= fault_ms
        ),
        default=fault_ms,
    )
    return max(0, last - fault_ms) / 1000


def recoveries(found: list[Settlement], faults_ms: Mapping[int, int], read_ms: int) -> dict[int, float]:
    """`caught_up_s` of each fault, by its number."""
    return {number: caught_up_s(found, fault_ms, read_ms) for number, fault_ms in faults_ms.items()}


def _result(value: bytes | None) -> ClassificationResult | None:
    try:
        event = _CODEC.decode(value)
    except BadRecord:
        return None
    return event if isinstance(event, ClassificationResult) else None


_CODEC = Codec()
