"""Every error can be told in two languages, sent over the wire, and become itself again."""

from __future__ import annotations

import ast
import pickle
import string
from pathlib import Path

import pytest

import schemas.errors
from schemas.errors import (
    BadRecord,
    ClaimsUnverified,
    Internal,
    ModelUnavailable,
    NotAvro,
    OperatorError,
    Overloaded,
    TextTooLong,
    Unavailable,
    UnknownKey,
    UnknownModelType,
    VeriAIDPOError,
    error_of,
)
from schemas.events import ClassificationFailure
from schemas.failures import error_of_failure, failure_of

KINDS: list[type[VeriAIDPOError]] = [
    kind
    for name in schemas.errors.__all__
    if isinstance(kind := getattr(schemas.errors, name), type) and kind is not VeriAIDPOError
]


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_happened_in_both_languages(kind: type[VeriAIDPOError]) -> None:
    fields = {name for _, name, _, _ in string.Formatter().parse(kind.message) if name}
    error = kind(**dict.fromkeys(fields, "CHI-TIẾT"))

    assert error.text.endswith(".")
    assert error.text_vi != error.text
    for field in fields:
        assert "CHI-TIẾT" in error.text, field
        assert f"{{{field}}}" in kind.message_vi
    assert kind.__doc__
    assert kind.code == kind.code.upper()


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_says_what_to_do_after_what_happened(kind: type[VeriAIDPOError]) -> None:
    for message in (kind.message, kind.message_vi):
        happened, _, to_do = message.partition(". ")
        assert happened
        assert to_do.endswith(".")


def test_a_detail_that_is_words_is_told_in_both_languages() -> None:
    error = NotAvro(reason="the value is empty", reason_vi="giá trị trống")

    assert "the value is empty" in error.text
    assert "giá trị trống" in error.text_vi
    assert "the value" not in error.text_vi
    assert "7 byte" in NotAvro(reason="7 byte").text_vi


# Operators read English as well; publishers and callers are told in their own language.
TOLD_TO_OPERATORS = {kind.__name__ for kind in KINDS if issubclass(kind, OperatorError)}
SPEAKING = sorted(
    path
    for folder in ("schemas", "connectors", "api", "streams/classification")
    for path in (Path(__file__).parents[2] / folder).rglob("*.py")
    if "kafka" not in path.parts
)


@pytest.mark.parametrize("path", SPEAKING, ids=lambda path: path.stem)
def test_wherever_an_error_is_made_its_words_come_in_both_languages(path: Path) -> None:
    for call in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name):
            details = {detail.arg: detail.value for detail in call.keywords}
            is_words = isinstance(details.get("reason"), ast.Constant | ast.JoinedStr)
            if is_words and call.func.id not in TOLD_TO_OPERATORS:
                assert "reason_vi" in details, f"{path.name}:{call.lineno}"


@pytest.mark.parametrize("kind", KINDS)
def test_an_error_without_its_details_can_still_be_told(kind: type[VeriAIDPOError]) -> None:
    assert "{" not in kind().text + kind().text_vi
    assert kind().code in str(kind())


def test_codes_are_unique_but_for_the_one_told_apart_inside_a_process_only() -> None:
    codes = [kind.code for kind in KINDS if kind is not UnknownKey]

    assert len(set(codes)) == len(codes)
    assert type(error_of("CLAIMS_UNVERIFIED")) is ClaimsUnverified


@pytest.mark.parametrize("kind", KINDS)
def test_retriable_means_unavailable_and_nothing_else(kind: type[VeriAIDPOError]) -> None:
    assert kind.retriable == issubclass(kind, Unavailable)
    assert (kind.http_status == 503) == issubclass(kind, Unavailable)
    assert (kind().retry_after_s is not None) == issubclass(kind, Unavailable)
    if issubclass(kind, BadRecord) and kind is not Internal:
        assert 400 <= kind.http_status < 500


@pytest.mark.parametrize("kind", [kind for kind in KINDS if not issubclass(kind, OperatorError)])
def test_a_failure_becomes_its_error_again_with_its_messages(kind: type[VeriAIDPOError]) -> None:
    sent = kind(reason="lý do", model_type="regional", limit=7, retry_after_s=3)
    failure = failure_of(sent, request_id="r", tenant_id="t", model_type="regional", now_ms=1)
    received = error_of_failure(failure)

    assert type(received) is (ClaimsUnverified if kind is UnknownKey else kind)
    assert (received.text, received.text_vi) == (sent.text, sent.text_vi)
    assert received.retry_after_s == 3
    assert (failure.code, failure.retriable) == (kind.code, kind.retriable)


@pytest.mark.parametrize(("retriable", "kind"), [(True, Unavailable), (False, Internal)])
def test_a_code_of_a_later_version_is_taken_by_its_retriability(
    retriable: bool, kind: type[VeriAIDPOError]
) -> None:
    failure = ClassificationFailure("r", "t", "m", "NEW_CODE", retriable, "Moon.", "Trăng.", None, 1)

    assert type(error_of_failure(failure)) is kind
    assert error_of_failure(failure).text == "Moon."


@pytest.mark.parametrize("error", [TextTooLong(limit=20_000), error_of("OVERLOADED", text="x", text_vi="y")])
def test_an_error_survives_the_way_between_processes(error: VeriAIDPOError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert type(copy) is type(error)
    assert (copy.details, copy.text, copy.text_vi) == (error.details, error.text, error.text_vi)


def test_the_time_to_wait_is_the_details_or_the_classes() -> None:
    assert Overloaded().retry_after_s == 1
    assert ModelUnavailable(retry_after_s=30).retry_after_s == 30


def test_an_error_is_caught_by_its_group() -> None:
    with pytest.raises(BadRecord):
        raise UnknownModelType(model_type="x", known="y")
