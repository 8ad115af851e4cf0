"""The ledger can fail: each kind of breach trips its own line, and no other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from msgspec import structs

from schemas.codec import Codec
from schemas.errors import ClaimsMissing
from schemas.events import ClassificationFailure, ClassificationResult, Score, Timings
from schemas.headers import COMPLETED, dead_letter_headers, reply_headers
from schemas.reply import ReplyAddress
from schemas.topics import DEAD_LETTERS, RESULTS
from tests.chaos.ledger import (
    ALTERED_LETTERS,
    DUPLICATES,
    FOREIGN_LETTERS,
    LOST,
    MISSING_LETTERS,
    UNANSWERED,
    UNASKED,
    WRONG_LABELS,
    Answer,
    Books,
    Place,
    Stored,
    balance,
)

TOPIC = "veriaidpo.requests.principles"
REPLIES = "veriaidpo.replies.chaos"
ANSWER = Answer("principles", 0, "Lawfulness", "một câu")


def request(number: int, **changes: object) -> Stored:
    """A valid record; what the ledger makes of it depends on its key alone."""
    made = Stored(Place(TOPIC, 0, number), 1000, b"r-%d" % number, b"value %d" % number, ((("h", b"1"),)))
    return replace(made, **changes)  # type: ignore[arg-type]


def result(number: int, **changes: object) -> Stored:
    """The result of request `number`; `changes` are the event's."""
    made = ClassificationResult(
        result_id=f"result-of-r-{number}",
        request_id=f"r-{number}",
        tenant_id="t",
        model_type=ANSWER.model_type,
        language="vi",
        prediction=ANSWER.prediction,
        category_id=ANSWER.category_id,
        confidence=0.9,
        scores=(Score(0, "Lawfulness", 0.9), Score(1, "Other", 0.1)),
        model_id="m",
        model_version="sha256:0",
        normalized_text=ANSWER.normalized_text,
        detected_companies=(),
        tokens=3,
        truncated=False,
        timings=Timings(0.0, 0.0, 0.0, 0.0, 1, 0.0),
        requested_at_ms=1000,
        completed_at_ms=1001,
    )
    event = structs.replace(made, **changes)
    return Stored(Place(RESULTS, 0, number), 1002, b"r", Codec().encode(event), ())


def dead_letter(of: Stored, offset: int = 0, **changes: object) -> Stored:
    """The dead letter of a record, as a worker makes it; `changes` are the letter's."""
    headers = dead_letter_headers(
        topic=of.place.topic,
        partition=of.place.partition,
        offset=of.place.offset,
        timestamp_ms=of.timestamp_ms,
        group="veriaidpo.principles",
        error=ClaimsMissing(reason="none"),
        original=[(name, value or b"") for name, value in of.headers],
    )
    made = Stored(Place(DEAD_LETTERS, 0, offset), 1002, of.key, of.value, tuple(headers))
    return replace(made, **changes)  # type: ignore[arg-type]


def reply(correlation_id: bytes, value: bytes | None) -> Stored:
    headers = reply_headers(
        reply=ReplyAddress(REPLIES, 0, correlation_id),
        event_type=COMPLETED,
        source="worker",
        event_id="e",
        now=datetime(2026, 1, 1, tzinfo=UTC),
    )
    return Stored(Place(REPLIES, 0, 0), 1002, correlation_id, value, tuple(headers))


BAD = request(90, key=b"bad", value=b"\x00\xff", headers=(("h", b"1"), ("h", b"2")))
BAD_AGAIN = replace(BAD, place=Place(TOPIC, 1, 7))
FAILURE = Codec().encode(
    ClassificationFailure("r-3", "t", "principles", "OVERLOADED", True, "later", "lúc khác", 1, 1)
)
CLOSED = Books(
    expected={f"r-{number}": ANSWER for number in range(4)},
    correlation_ids=[b"c-3"],
    malformed=[BAD.wire],
    requests=[*(request(number) for number in range(4)), BAD],
    results=[*(result(number) for number in range(4)), result(2)],  # a redelivery, with the same result id
    dead_letters=[dead_letter(BAD), dead_letter(BAD, 1)],
    replies=[reply(b"c-3", result(3).value)],
)


def without_a_result(books: Books) -> Books:
    return replace(books, results=[one for one in books.results if one != result(1)])


def with_a_failure_in_place_of_a_result(books: Books) -> Books:
    return replace(without_a_result(books), replies=[*books.replies, reply(b"c-1", FAILURE)])


def with_a_second_result_id(books: Books) -> Books:
    return replace(books, results=[*books.results, result(1, result_id="another")])


def with_one_result_id_for_two(books: Books) -> Books:
    results = [result(0), result(1, result_id="result-of-r-0"), result(2), result(3)]
    return replace(books, results=results)


def with_another_label(books: Books) -> Books:
    return replace(books, results=[*books.results, result(1, prediction="Other", category_id=1)])


def with_another_text(books: Books) -> Books:
    return replace(books, results=[*books.results, result(1, normalized_text="câu khác")])


def with_a_result_of_a_malformed_record(books: Books) -> Books:
    return replace(books, results=[*books.results, result(9, request_id="bad")])


def with_garbage_among_the_results(books: Books) -> Books:
    return replace(books, results=[*books.results, replace(result(1), value=b"garbage")])


def without_a_reply(books: Books) -> Books:
    return replace(books, replies=[])


def with_a_failure_for_a_reply(books: Books) -> Books:
    return replace(books, replies=[reply(b"c-3", FAILURE)])


def without_a_dead_letter(books: Books) -> Books:
    return replace(books, dead_letters=[])


def without_the_dead_letter_of_a_record_sent_twice(books: Books) -> Books:
    return replace(books, requests=[*books.requests, BAD_AGAIN])


def without_a_malformed_record_on_its_topic(books: Books) -> Books:
    return replace(books, requests=books.requests[:-1], dead_letters=[])


def with_one_byte_of_a_value_altered(books: Books) -> Books:
    return replace(books, dead_letters=[dead_letter(BAD, value=b"\x00\xfe")])


def with_a_key_altered(books: Books) -> Books:
    return replace(books, dead_letters=[dead_letter(BAD, key=None)])


def with_a_doubled_header_dropped(books: Books) -> Books:
    return replace(books, dead_letters=[dead_letter(replace(BAD, headers=BAD.headers[:1]))])


def with_headers_in_another_order(books: Books) -> Books:
    return replace(books, dead_letters=[dead_letter(replace(BAD, headers=BAD.headers[::-1]))])


def with_a_dead_letter_of_a_valid_record(books: Books) -> Books:
    return replace(books, dead_letters=[*books.dead_letters, dead_letter(request(1), 2)])


def with_a_dead_letter_from_nowhere(books: Books) -> Books:
    return replace(books, dead_letters=[*books.dead_letters, dead_letter(BAD, 2, headers=())])


BREACHES: list[tuple[Callable[[Books], Books], str]] = [
    (without_a_result, LOST),
    (with_a_failure_in_place_of_a_result, LOST),
    (with_a_second_result_id, DUPLICATES),
    (with_one_result_id_for_two, DUPLICATES),
    (with_another_label, WRONG_LABELS),
    (with_another_text, WRONG_LABELS),
    (with_a_result_of_a_malformed_record, UNASKED),
    (with_garbage_among_the_results, UNASKED),
    (without_a_reply, UNANSWERED),
    (with_a_failure_for_a_reply, UNANSWERED),
    (without_a_dead_letter, MISSING_LETTERS),
    (without_the_dead_letter_of_a_record_sent_twice, MISSING_LETTERS),
    (without_a_malformed_record_on_its_topic, MISSING_LETTERS),
    (with_one_byte_of_a_value_altered, ALTERED_LETTERS),
    (with_a_key_altered, ALTERED_LETTERS),
    (with_a_doubled_header_dropped, ALTERED_LETTERS),
    (with_headers_in_another_order, ALTERED_LETTERS),
    (with_a_dead_letter_of_a_valid_record, FOREIGN_LETTERS),
    (with_a_dead_letter_from_nowhere, FOREIGN_LETTERS),
]


def test_books_with_redeliveries_close() -> None:
    assert [line.name for line in balance(CLOSED) if not line.holds] == []


def test_record_that_a_publisher_sent_twice_has_a_dead_letter_for_each() -> None:
    letters = [*CLOSED.dead_letters, dead_letter(BAD_AGAIN, 2)]
    books = replace(CLOSED, requests=[*CLOSED.requests, BAD_AGAIN], dead_letters=letters)
    assert all(line.holds for line in balance(books))


@pytest.mark.parametrize(("breach", "name"), [pytest.param(*each, id=each[0].__name__) for each in BREACHES])
def test_breach_trips_its_own_line_and_no_other(breach: Callable[[Books], Books], name: str) -> None:
    tripped = [line for line in balance(breach(CLOSED)) if not line.holds]
    assert [(line.name, line.found) for line in tripped] == [(name, 1)]
