"""Bad records at a real worker: a dead letter each, byte for byte, and an answer where one is due."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.kafka.fetched import STAND_IN
from schemas.errors import VeriAIDPOError, error_of
from schemas.events import ClassificationFailure, ClassificationResult
from schemas.headers import (
    DLT_EXCEPTION_MESSAGE,
    DLT_ORIGINAL_CONSUMER_GROUP,
    DLT_ORIGINAL_OFFSET,
    DLT_ORIGINAL_PARTITION,
    DLT_ORIGINAL_TIMESTAMP,
    DLT_ORIGINAL_TIMESTAMP_TYPE,
    DLT_ORIGINAL_TOPIC,
    DLT_PREFIX,
    ERROR_CODE,
)
from tests.support.bad_input_barrage import CASES, TWICE, WAVES, Barrage, Outcome
from tests.support.bad_input_case import FAILURE, RESULT
from tests.support.bad_input_records import MODEL_TYPE, TENANT, TEXT, TOPIC
from tests.support.bad_input_values import COMPRESSED

pytestmark = [pytest.mark.kafka, pytest.mark.timed]

DEAD = sorted(name for name, case in CASES.items() if case.code)
BYTE_FOR_BYTE = sorted(set(DEAD) - set(COMPRESSED))
ALIVE = sorted(name for name, case in CASES.items() if not case.code)
ANSWERED = sorted(name for name, case in CASES.items() if case.reply == FAILURE)
CLASSIFIED = sorted(name for name, case in CASES.items() if case.reply == RESULT)
UNANSWERED = sorted(name for name, case in CASES.items() if not case.reply)


def outcomes(barrage: Barrage, name: str) -> Iterator[Outcome]:
    """Those of one kind of record: it came several times, on several partitions."""
    found = barrage.outcomes[name]
    assert len(found) == WAVES
    return iter(found)


@pytest.mark.parametrize("name", DEAD)
def test_it_ends_in_one_dead_letter_with_its_code(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (letter,) = outcome.letters
        assert dict(letter.headers)[ERROR_CODE].decode() == CASES[name].code


@pytest.mark.parametrize("name", ALIVE)
def test_what_is_only_odd_ends_in_no_dead_letter(barrage: Barrage, name: str) -> None:
    assert [list(outcome.letters) for outcome in outcomes(barrage, name)] == [[]] * WAVES


@pytest.mark.parametrize("name", CASES)
def test_it_has_a_result_only_where_it_was_classified(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        assert len(outcome.results) == CASES[name].result
        assert outcome.results or outcome.letters  # never in neither


@pytest.mark.parametrize("name", ANSWERED)
def test_its_failure_comes_to_the_signed_address(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (reply,) = outcome.replies
        failure = reply.event
        assert isinstance(failure, ClassificationFailure)
        assert (failure.code, failure.retriable) == (CASES[name].code, False)
        assert failure.model_type == MODEL_TYPE
        assert type(error_of(failure.code)) is not VeriAIDPOError  # a publisher gets a type of its own for it
        assert failure.message != failure.message_vi
        assert TEXT not in failure.message + failure.message_vi


@pytest.mark.parametrize("name", UNANSWERED)
def test_nobody_is_answered_whom_no_trusted_signature_names(barrage: Barrage, name: str) -> None:
    assert [list(outcome.replies) for outcome in outcomes(barrage, name)] == [[]] * WAVES


@pytest.mark.parametrize("name", CLASSIFIED)
def test_what_is_only_odd_is_classified_and_answered(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (result,), (reply,) = outcome.results, outcome.replies
        assert isinstance(result, ClassificationResult)
        assert reply.event == result
        assert (result.request_id.encode(), result.tenant_id) == (outcome.sent.key, TENANT)


def test_record_published_twice_has_one_result_id_and_two_answers(barrage: Barrage) -> None:
    first, second = barrage.outcomes[TWICE]
    assert first.stored != second.stored
    assert [len(first.results), len(first.replies)] == [2, 2]
    assert len({result.result_id for result in first.results}) == 1
    assert not [*first.letters, *second.letters]


@pytest.mark.parametrize("name", BYTE_FOR_BYTE)
def test_its_dead_letter_is_the_record_byte_for_byte(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (letter,), sent = outcome.letters, outcome.sent
        assert (letter.key, letter.value) == (sent.key, sent.value)
        original = [each for each in sent.headers if not each[0].startswith((DLT_PREFIX, ERROR_CODE))]
        assert list(letter.headers)[: len(original)] == original


@pytest.mark.parametrize("name", DEAD)
def test_its_dead_letter_says_in_springs_encodings_where_it_lay(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (letter,), stored = outcome.letters, outcome.stored
        provenance = [each for each in letter.headers if each[0].startswith(DLT_PREFIX)]
        headers = dict(provenance)
        assert len(headers) == len(provenance) == 8
        assert headers[DLT_ORIGINAL_TOPIC] == TOPIC.encode()
        assert headers[DLT_ORIGINAL_PARTITION] == stored.partition.to_bytes(4, "big")
        assert headers[DLT_ORIGINAL_OFFSET] == stored.offset.to_bytes(8, "big")
        assert headers[DLT_ORIGINAL_TIMESTAMP] == stored.timestamp_ms.to_bytes(8, "big")
        assert headers[DLT_ORIGINAL_TIMESTAMP_TYPE] == b"LogAppendTime"
        assert headers[DLT_ORIGINAL_CONSUMER_GROUP] == f"veriaidpo.{MODEL_TYPE}".encode()
        assert headers[DLT_EXCEPTION_MESSAGE]
        assert TEXT.encode() not in headers[DLT_EXCEPTION_MESSAGE]


@pytest.mark.parametrize("name", COMPRESSED)
def test_what_is_small_only_compressed_is_kept_compressed(barrage: Barrage, name: str) -> None:
    for outcome in outcomes(barrage, name):
        (letter,) = outcome.letters
        assert (letter.key, letter.value) == (None, outcome.stored.records)
        assert letter.headers[0][0] == STAND_IN
