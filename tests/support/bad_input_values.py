"""Bad values, headers and texts; and good records in odd clothes."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace

from schemas.events import ModelStatus
from schemas.headers import (
    AUTHORIZATION,
    CE_ID,
    CE_TYPE,
    CORRELATION_ID,
    DEADLINE,
    DLT_ORIGINAL_OFFSET,
    ERROR_CODE,
    REPLY_PARTITION,
)
from schemas.limits import (
    MAX_CORRELATION_ID_BYTES,
    MAX_HEADERS,
    MAX_HEADERS_BYTES,
    MAX_REQUEST_BYTES,
    MAX_TEXT_CHARS,
)
from tests.support.bad_input_case import Case, answered, classified, unanswered
from tests.support.bad_input_producer import RawName, of_batch_size
from tests.support.bad_input_records import (
    CODEC,
    CRM_BEFORE,
    TENANT,
    Draft,
    Sent,
)

GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
FIVE_MEGABYTES = 5_000_000


def _status(draft: Draft) -> bytes:
    return CODEC.encode(ModelStatus("w", "s", draft.request.model_type, True, "m", "v", 0))


VALUES: Mapping[str, Case] = {
    "random bytes": answered("NOT_AVRO", lambda good: good.sign_value(b"\xfe" + os.urandom(63))),
    "random bytes and nothing else": unanswered(
        "NOT_AVRO", lambda good: Sent(None, b"\xfe" + os.urandom(63), ())
    ),
    "an empty value": answered("NOT_AVRO", lambda good: good.sign_value(b"")),
    "no value": answered("NOT_AVRO", lambda good: good.sign_value(None)),
    "no key, no value, no headers": unanswered("NOT_AVRO", lambda good: Sent(None, None, ())),
    "a value cut short": answered(
        "TRUNCATED_RECORD", lambda good: good.sign_value((good.sign().value or b"")[:-5])
    ),
    "bytes behind the value": answered(
        "TRAILING_BYTES", lambda good: good.sign_value((good.sign().value or b"") + b"\0")
    ),
    "an unknown fingerprint": answered(
        "UNKNOWN_SCHEMA",
        lambda good: good.sign_value(b"\xc3\x01" + b"\x07" * 8 + (good.sign().value or b"")[10:]),
    ),
    "a registry's schema id where there is no registry": answered(
        "UNKNOWN_SCHEMA", lambda good: good.sign_value(b"\0\0\0\xff\xff" + (good.sign().value or b"")[10:])
    ),
    "a text that isn't UTF-8": answered(
        "NOT_AVRO", lambda good: good.sign_value((good.sign().value or b"")[:-2] + b"\xff\xfe")
    ),
    "another event than a request": answered("NOT_AVRO", lambda good: good.sign_value(_status(good))),
    "a record one byte under the broker's limit": answered(
        "TEXT_TOO_LONG",
        lambda good: of_batch_size(MAX_REQUEST_BYTES - 1, lambda text: good.asking(text=text).sign()),
    ),
}

HEADERS: Mapping[str, Case] = {
    "no headers": unanswered("BAD_HEADERS", lambda good: replace(good.sign(), headers=())),
    "more than 32 KiB of headers": answered(
        "BAD_HEADERS", lambda good: good.sign().and_header("padding", b"x" * MAX_HEADERS_BYTES)
    ),
    "more than 64 headers": answered(
        "BAD_HEADERS",
        lambda good: replace(
            good.sign(), headers=(*good.sign().headers, *((f"h{n}", b"") for n in range(MAX_HEADERS)))
        ),
    ),
    "a header twice": answered(
        "BAD_HEADERS", lambda good: good.sign().and_header(CORRELATION_ID, b"another")
    ),
    "two tokens": unanswered(
        "BAD_HEADERS", lambda good: good.sign().and_header(AUTHORIZATION, b"Bearer a.b.c")
    ),
    "a header without a value": answered("BAD_HEADERS", lambda good: good.sign().with_header(CE_ID, None)),
    "another event's type": answered(
        "BAD_HEADERS", lambda good: good.sign().with_header(CE_TYPE, b"vn.other")
    ),
    "a reply partition of three bytes": answered(
        "BAD_HEADERS", lambda good: good.sign().with_header(REPLY_PARTITION, b"\0\0\0")
    ),
    "a deadline that is no number": answered(
        "BAD_HEADERS", lambda good: good.sign().and_header(DEADLINE, b"soon")
    ),
    "a correlation id of 10 kB, signed": unanswered(
        "BAD_HEADERS", lambda good: good.replying(correlation_id=b"c" * 10_000).sign()
    ),
    "a correlation id a byte too long, signed": unanswered(
        "BAD_HEADERS", lambda good: good.replying(correlation_id=b"c" * (MAX_CORRELATION_ID_BYTES + 1)).sign()
    ),
    "a correlation id of 10 kB in place of the signed one": answered(
        "BAD_HEADERS", lambda good: good.sign().with_header(CORRELATION_ID, b"c" * 10_000)
    ),
    "a header's name that is no text, in a bad record": answered(
        "EMPTY_TEXT", lambda good: good.asking(text=" ").sign().and_header(RawName(b"n\xff\xfe"), b"\xff")
    ),
    "a dead letter's headers already": answered(
        "EMPTY_TEXT",
        lambda good: (
            good.asking(text=" ").sign().and_header(DLT_ORIGINAL_OFFSET, b"0").and_header(ERROR_CODE, b"X")
        ),
    ),
}


CONTENT: Mapping[str, Case] = {
    "an unknown model type": answered(
        "UNKNOWN_MODEL_TYPE", lambda good: good.asking(model_type="astrology").sign()
    ),
    "another topic's model type": answered(
        "RECORD_MISMATCH", lambda good: good.asking(model_type="regional").sign()
    ),
    "a text of only spaces": answered(
        "EMPTY_TEXT", lambda good: good.asking(text=" \t\n\u3000\u00a0").sign()
    ),
    "an empty text": answered("EMPTY_TEXT", lambda good: good.asking(text="").sign()),
    "a text of a character too many": answered(
        "TEXT_TOO_LONG", lambda good: good.asking(text="ạ" * (MAX_TEXT_CHARS + 1)).sign()
    ),
    "an unknown language": answered("UNSUPPORTED_LANGUAGE", lambda good: good.asking(language="fr").sign()),
    "a tenant of control characters": answered(
        "INVALID_ID", lambda good: good.asking(tenant_id="a\0b\n").claiming(tenant_id=TENANT).sign()
    ),
    "a deadline that has passed": answered(
        "DEADLINE_EXCEEDED", lambda good: replace(good, deadline_ms=1).sign()
    ),
}


COMPRESSED: Mapping[str, Case] = {
    "5 MB of text, compressed": unanswered(
        "NOT_AVRO", lambda good: replace(good.asking(text="a" * FIVE_MEGABYTES).sign(), codec=GZIP)
    ),
    "32 MB of nothing, compressed": unanswered(
        "NOT_AVRO", lambda good: Sent(b"k", bytes(32_000_000), (), codec=ZSTD)
    ),
}

ODD_BUT_GOOD: Mapping[str, Case] = {
    "nothing special": classified(lambda good: good.sign()),
    "a header's name that is no text": classified(
        lambda good: good.sign().and_header(RawName(b"n\xff\xfe"), b"\xff")
    ),
    "others' headers, twice and without a value": classified(
        lambda good: good.sign().and_header("x", b"1").and_header("x", None).and_header("", b"")
    ),
    "signed with the key before": classified(lambda good: good.signed_by(CRM_BEFORE).sign()),
    "compressed with gzip": classified(lambda good: replace(good.sign(), codec=GZIP)),
    "compressed with snappy": classified(lambda good: replace(good.sign(), codec=SNAPPY)),
    "compressed with lz4": classified(lambda good: replace(good.sign(), codec=LZ4)),
    "compressed with zstd": classified(lambda good: replace(good.sign(), codec=ZSTD)),
    "the longest text": classified(lambda good: good.asking(text="ạ" * MAX_TEXT_CHARS).sign()),
    "a correlation id of any bytes, as long as may be": classified(
        lambda good: good.replying(correlation_id=os.urandom(MAX_CORRELATION_ID_BYTES)).sign()
    ),
    "no reply asked for": Case(lambda good: replace(good, reply=None).sign(), result=True),
}
