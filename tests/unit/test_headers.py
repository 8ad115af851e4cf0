"""Headers there and back, and everything a stranger may put in them."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.errors import BadHeaders, BadRecord, ClaimsMissing, UnknownSchema
from schemas.headers import (
    AUTHORIZATION,
    COMPLETED,
    CORRELATION_ID,
    DEADLINE,
    REPLY_PARTITION,
    REPLY_TOPIC,
    TRACEPARENT,
    RequestHeaders,
    dead_letter_headers,
    read_correlation_id,
    read_request_headers,
    read_token,
    reply_headers,
    request_headers,
)
from schemas.limits import DEAD_LETTER_HEADROOM_BYTES
from schemas.reply import ReplyAddress, reply_claim, reply_of_claim

NOW = datetime(2026, 9, 21, 15, 33, 20, 123_000, UTC)
REPLY = ReplyAddress("veriaidpo.replies.crm", 3, b"\x00\xffid")
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def _request(**changes: bytes | None) -> list[tuple[str, bytes]]:
    """A whole request's headers with some replaced, or taken out with None."""
    headers = dict(
        request_headers(
            token="a.b.c",
            request_id="r-1",
            source="//crm",
            reply=REPLY,
            deadline_ms=1_790_000_000_000,
            now=NOW,
            traceparent=TRACE,
        )
    )
    merged = {**headers, **{name.replace("__", "-"): value for name, value in changes.items()}}
    return [(name, value) for name, value in merged.items() if value is not None]


def test_a_requests_headers_are_read_as_they_were_written() -> None:
    assert read_request_headers(_request()) == RequestHeaders(
        token="a.b.c",
        reply=REPLY,
        deadline_ms=1_790_000_000_000,
        ce_id="r-1",
        ce_time="2026-09-21T15:33:20.123Z",
        traceparent=TRACE,
    )


def test_a_request_on_the_wire_is_these_bytes() -> None:
    assert _request() == [
        ("ce_id", b"r-1"),
        ("ce_type", b"vn.veriaidpo.classification.requested"),
        ("ce_source", b"//crm"),
        ("ce_specversion", b"1.0"),
        ("ce_time", b"2026-09-21T15:33:20.123Z"),
        ("content-type", b"application/avro"),
        ("traceparent", TRACE.encode()),
        ("authorization", b"Bearer a.b.c"),
        ("kafka_replyTopic", b"veriaidpo.replies.crm"),
        ("kafka_replyPartition", b"\x00\x00\x00\x03"),
        ("kafka_correlationId", b"\x00\xffid"),
        ("veriaidpo-deadline", b"1790000000000"),
    ]


def test_times_are_written_in_utc_whatever_zone_they_come_in() -> None:
    hanoi = NOW.astimezone(timezone(timedelta(hours=7)))
    headers = request_headers(token="t", request_id="r", source="s", now=hanoi)

    assert dict(headers)["ce_time"] == b"2026-09-21T15:33:20.123Z"


def test_a_request_without_reply_deadline_and_trace_is_whole() -> None:
    headers = request_headers(token="a.b.c", request_id="r-1", source="//crm", now=NOW)
    read = read_request_headers(headers)

    assert (read.reply, read.deadline_ms, read.traceparent) == (None, None, None)


@pytest.mark.parametrize("value", [None, b"", b"Bearer", b"Bearer ", b"Basic abc", b"a.b.c"])
def test_a_record_without_a_bearer_token_has_no_claims(value: bytes | None) -> None:
    with pytest.raises(ClaimsMissing):
        read_request_headers(_request(authorization=value))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ce_id", None),
        ("ce_id", b"\xff\xfe"),
        ("ce_type", b"something.else"),
        ("ce_specversion", b"0.3"),
        ("content__type", b"application/json"),
        (AUTHORIZATION, b"Bearer \xff"),
        (AUTHORIZATION, b"Bearer " + b"a" * 9000),
        (REPLY_TOPIC, None),
        (REPLY_TOPIC, b"\xff"),
        (REPLY_PARTITION, None),
        (REPLY_PARTITION, b"3"),
        (REPLY_PARTITION, b"\x00" * 8),
        (CORRELATION_ID, None),
        (CORRELATION_ID, b""),
        (CORRELATION_ID, b"x" * 257),
        (CORRELATION_ID, b"x" * 10_000),
        ("veriaidpo__deadline", b"soon"),
        ("veriaidpo__deadline", b"-1"),
        ("veriaidpo__deadline", "١٢".encode()),
        ("veriaidpo__deadline", b"9" * 16),
    ],
)
def test_headers_of_the_wrong_form_are_bad_headers(name: str, value: bytes | None) -> None:
    with pytest.raises(BadHeaders):
        read_request_headers(_request(**{name: value}))


@pytest.mark.parametrize("name", ["ce_id", AUTHORIZATION, REPLY_TOPIC, CORRELATION_ID, DEADLINE])
def test_a_header_of_ours_that_appears_twice_is_bad_even_with_the_same_value(name: str) -> None:
    headers = _request()
    twice = [*headers, (name, dict(headers)[name])]

    with pytest.raises(BadHeaders, match="twice"):
        read_request_headers(twice)


def test_a_header_of_ours_without_a_value_is_bad() -> None:
    with pytest.raises(BadHeaders, match="no value"):
        read_request_headers([*_request(ce_time=None), ("ce_time", None)])  # type: ignore[list-item]


def test_more_bytes_or_headers_than_allowed_are_bad() -> None:
    with pytest.raises(BadHeaders, match="bytes of headers"):
        read_request_headers([*_request(), ("x", b"y" * 32_768)])
    with pytest.raises(BadHeaders, match="headers"):
        read_request_headers([*_request(), *[("x", b"")] * 64])


def test_other_peoples_headers_are_left_alone() -> None:
    strange = [("x", b"\xff"), ("x", b"again"), ("y", None)]

    assert read_request_headers([*strange, *_request()]).ce_id == "r-1"  # type: ignore[list-item]


@pytest.mark.parametrize("value", [b"nonsense", b"\xff", b"00-xyz-b7ad6b7169203331-01"])
def test_a_trace_that_does_not_parse_is_ignored(value: bytes) -> None:
    assert read_request_headers(_request(**{TRACEPARENT: value})).traceparent is None


@pytest.mark.parametrize("partition", [-1, 0, 2**31 - 1, -(2**31)])
def test_any_32_bit_partition_is_read_as_it_came(partition: int) -> None:
    read = read_request_headers(_request(kafka_replyPartition=partition.to_bytes(4, "big", signed=True)))

    assert read.reply == ReplyAddress(REPLY.topic, partition, REPLY.correlation_id)


def test_the_token_is_found_where_the_other_headers_are_bad() -> None:
    bad = _request(kafka_correlationId=b"x" * 10_000)

    assert read_token(bad) == "a.b.c"
    with pytest.raises(ClaimsMissing):
        read_token([])
    with pytest.raises(BadHeaders):
        read_token([*bad, (AUTHORIZATION, b"Bearer other")])


@settings(deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from([n for n, _ in _request()]) | st.text(max_size=5), st.binary(max_size=40))
    )
)
def test_whatever_headers_come_only_a_bad_record_is_raised(headers: list[tuple[str, bytes]]) -> None:
    with suppress(BadRecord):
        read_request_headers(headers)


@settings(deadline=None)
@given(st.binary(min_size=1, max_size=256))
def test_a_correlation_id_is_echoed_byte_for_byte(correlation_id: bytes) -> None:
    reply = ReplyAddress("veriaidpo.replies.crm", 0, correlation_id)
    headers = reply_headers(reply=reply, event_type=COMPLETED, source="//worker", event_id="x", now=NOW)

    assert read_correlation_id(headers) == correlation_id
    assert reply_of_claim(reply_claim(reply)) == reply


def test_a_dead_letter_keeps_its_headers_and_says_where_it_was() -> None:
    original = [(AUTHORIZATION, b"Bearer a.b.c"), ("x", b"\xff"), ("x", b"2")]
    headers = dead_letter_headers(
        topic="veriaidpo.requests.regional",
        partition=3,
        offset=2**40,
        timestamp_ms=1_790_000_000_000,
        group="veriaidpo.regional",
        error=UnknownSchema(fingerprint="ff"),
        original=original,
    )

    assert headers[:3] == original
    assert dict(headers[3:]) == {
        "kafka_dlt-original-topic": b"veriaidpo.requests.regional",
        "kafka_dlt-original-partition": b"\x00\x00\x00\x03",
        "kafka_dlt-original-offset": (2**40).to_bytes(8, "big"),
        "kafka_dlt-original-timestamp": (1_790_000_000_000).to_bytes(8, "big"),
        "kafka_dlt-original-timestamp-type": b"LogAppendTime",
        "kafka_dlt-original-consumer-group": b"veriaidpo.regional",
        "kafka_dlt-exception-fqcn": b"UnknownSchema",
        "kafka_dlt-exception-message": UnknownSchema(fingerprint="ff").text.encode(),
        "veriaidpo-error-code": b"UNKNOWN_SCHEMA",
    }


def test_provenance_that_a_publisher_made_up_is_dropped() -> None:
    forged = [("kafka_dlt-original-topic", b"elsewhere"), ("veriaidpo-error-code", b"NONE"), ("x", b"1")]
    headers = _dead_letter(forged)

    assert [value for name, value in headers if name == "kafka_dlt-original-topic"] == [b"t"]
    assert [value for name, value in headers if name == "veriaidpo-error-code"] == [b"UNKNOWN_SCHEMA"]
    assert ("x", b"1") in headers


def test_what_a_dead_letter_adds_fits_its_headroom() -> None:
    added = _dead_letter([])

    assert sum(len(name) + len(value) + 10 for name, value in added) < DEAD_LETTER_HEADROOM_BYTES


def _dead_letter(original: list[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    return dead_letter_headers(
        topic="t",
        partition=0,
        offset=0,
        timestamp_ms=0,
        group="g",
        error=UnknownSchema(fingerprint="ệ" * 100_000),
        original=original,
    )
