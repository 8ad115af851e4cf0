"""The books of a run: what was sent against what lies on the topics. Pure: no Kafka, no clock.

Every figure here is a number of breaches, and holds at 0. The books believe only the topics and the offline
run; what the service says of itself isn't asked.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from schemas.codec import Codec
from schemas.errors import BadRecord
from schemas.events import ClassificationResult
from schemas.headers import (
    CORRELATION_ID,
    DLT_ORIGINAL_OFFSET,
    DLT_ORIGINAL_PARTITION,
    DLT_ORIGINAL_TOPIC,
    DLT_PREFIX,
    ERROR_CODE,
)

LOST = "lost"
DUPLICATES = "duplicates after dedupe on the result id"
WRONG_LABELS = "results that differ from the offline run"
UNASKED = "results that nobody asked for"
UNANSWERED = "replies asked for and not sent"
MISSING_LETTERS = "malformed records without a dead letter"
ALTERED_LETTERS = "dead letters that aren't their record byte for byte"
FOREIGN_LETTERS = "dead letters of no malformed record"

SHOWN = 5

Header = tuple[str, bytes | None]


class Place(NamedTuple):
    """Where a record lies."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Wire:
    """A record's topic and bytes, exactly; two with the same bytes are the same."""

    topic: str
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]


@dataclass(frozen=True)
class Stored:
    """A record as it lies on a topic; `timestamp_ms` is the broker's append time."""

    place: Place
    timestamp_ms: int
    key: bytes | None
    value: bytes | None
    headers: tuple[Header, ...]

    @property
    def wire(self) -> Wire:
        """Its bytes alone."""
        return Wire(self.place.topic, self.key, self.value, self.headers)


@dataclass(frozen=True)
class Answer:
    """What the models say of a request; the text is as the models see it."""

    model_type: str
    category_id: int
    prediction: str
    normalized_text: str


@dataclass(frozen=True)
class Books:
    """Everything that the ledger is made from.

    `expected` has each valid request by its id, with the offline run's answer; `correlation_ids` those of the
    replies that were asked for; `malformed` the others as they were sent. The rest is read from the topics.
    """

    expected: Mapping[str, Answer]
    correlation_ids: Collection[bytes]
    malformed: Collection[Wire]
    requests: Sequence[Stored]
    results: Sequence[Stored]
    dead_letters: Sequence[Stored]
    replies: Sequence[Stored]


@dataclass(frozen=True)
class Line:
    """One thing that is counted or measured, and the most that is allowed of it."""

    name: str
    found: float
    allowed: float = 0
    unit: str = "records"
    examples: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        return self.found <= self.allowed


def balance(books: Books) -> list[Line]:
    """A line for each promise about records."""
    results = [_decoded(stored) for stored in books.results]
    known = [result for result in results if result is not None and result.request_id in books.expected]
    return [
        _line(LOST, books.expected.keys() - {result.request_id for result in known}),
        _duplicates(known),
        _line(
            WRONG_LABELS, (one.request_id for one in known if _answer(one) != books.expected[one.request_id])
        ),
        _unasked(books, results),
        _unanswered(books),
        *_dead_letters(books),
    ]


def provenance(letter: Stored) -> Place | None:
    """Where a dead letter says that its record lies; None where it doesn't say so."""
    found = dict(letter.headers)
    topic, partition, offset = (
        found.get(name) for name in (DLT_ORIGINAL_TOPIC, DLT_ORIGINAL_PARTITION, DLT_ORIGINAL_OFFSET)
    )
    if topic is None or partition is None or offset is None:
        return None
    return Place(topic.decode(), int.from_bytes(partition, "big"), int.from_bytes(offset, "big"))


def original(letter: Stored) -> Wire:
    """A dead letter's record: its bytes less the provenance headers, on the topic that those name."""
    place = provenance(letter)
    kept = tuple(header for header in letter.headers if not header[0].startswith((DLT_PREFIX, ERROR_CODE)))
    return Wire(place.topic if place else "", letter.key, letter.value, kept)


def _duplicates(results: Iterable[ClassificationResult]) -> Line:
    """Two result ids for one request would both be kept; one for two requests would hide a result."""
    pairs = {(result.request_id, result.result_id) for result in results}
    by_request, by_result = defaultdict(set), defaultdict(set)
    for request_id, result_id in pairs:
        by_request[request_id].add(result_id)
        by_result[result_id].add(request_id)
    wrong = [
        name for group in (by_request, by_result) for name, ids in group.items() for _ in range(len(ids) - 1)
    ]
    return _line(DUPLICATES, wrong)


def _unasked(books: Books, results: Sequence[ClassificationResult | None]) -> Line:
    wrong = (
        str(stored.place)
        for stored, result in zip(books.results, results, strict=True)
        if result is None or result.request_id not in books.expected
    )
    return _line(UNASKED, wrong)


def _unanswered(books: Books) -> Line:
    answered = {
        value
        for reply in books.replies
        if isinstance(_decode(reply.value), ClassificationResult)
        for name, value in reply.headers
        if name == CORRELATION_ID
    }
    return _line(UNANSWERED, (one.decode() for one in books.correlation_ids if one not in answered))


def _dead_letters(books: Books) -> list[Line]:
    malformed = set(books.malformed)
    places: dict[Wire, list[Place]] = {wire: [] for wire in malformed}
    for stored in books.requests:
        if stored.wire in malformed:
            places[stored.wire].append(stored.place)
    by_place = {place: wire for wire, found in places.items() for place in found}
    lettered: set[Place] = set()
    altered: list[str] = []
    foreign: list[str] = []
    for letter in books.dead_letters:
        place = provenance(letter)
        if place is None or place not in by_place:
            foreign.append(str(letter.place))
            continue
        lettered.add(place)
        if original(letter) != by_place[place]:
            altered.append(str(letter.place))
    # A publisher that tries again leaves the same bytes at two places: each has its own dead letter.
    missing = (str(wire.key) for wire, found in places.items() if not found or not lettered.issuperset(found))
    return [_line(MISSING_LETTERS, missing), _line(ALTERED_LETTERS, altered), _line(FOREIGN_LETTERS, foreign)]


def _answer(result: ClassificationResult) -> Answer:
    return Answer(result.model_type, result.category_id, result.prediction, result.normalized_text)


def _decoded(stored: Stored) -> ClassificationResult | None:
    event = _decode(stored.value)
    return event if isinstance(event, ClassificationResult) else None


def _decode(value: bytes | None) -> object:
    try:
        return _CODEC.decode(value)
    except BadRecord:
        return None


def _line(name: str, breaches: Iterable[str]) -> Line:
    found = sorted(breaches)
    return Line(name, len(found), examples=tuple(found[:SHOWN]))


_CODEC = Codec()
