"""A dead letter as a row, as a JSON line, and whole."""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import Callable, Sequence

from rich.cells import set_cell_size

from cli.dead_letters.masking import mask
from cli.dead_letters.selection import Tally
from cli.moments import utc_text
from connectors.dead_letters.letter import DeadLetter, is_authorization
from schemas.headers import DLT_PREFIX, ERROR_CODE, REPLY_PARTITION
from schemas.identity import digest_of
from schemas.limits import MAX_TEXT_CHARS
from schemas.topics import DEAD_LETTERS

COLUMNS = ("topic", "partition", "offset", "when", "model type", "reason", "tenant")
WIDTHS = (22, 9, 10, 24, 17, 22, 30)
SHOWN_CHARS = 2_000
SHOWN_KINDS = 10
HIDDEN = "(not shown)"


def row(columns: Sequence[str]) -> str:
    """Columns of fixed widths: a table that is drawn at its end would hold every letter until then."""
    return " ".join(set_cell_size(text, width) for text, width in zip(columns, WIDTHS, strict=True)).rstrip()


def letter_cells(letter: DeadLetter) -> tuple[str, ...]:
    """A letter's columns. A tenant that only a token names has a question mark: nobody checked the token."""
    tenant = letter.tenant_id or ""
    return (
        DEAD_LETTERS,
        str(letter.partition),
        str(letter.offset),
        utc_text(letter.appended_ms),
        printable(letter.model_type or ""),
        printable(letter.reason),
        printable(f"{tenant} (?)" if letter.tenant_from == "unverified_claims" else tenant),
    )


def letter_fields(letter: DeadLetter) -> dict[str, object]:
    """A letter for a program: where, when, why, whose; nothing of what it says."""
    origin = letter.provenance
    return {
        "topic": DEAD_LETTERS,
        "partition": letter.partition,
        "offset": letter.offset,
        "appended_at": utc_text(letter.appended_ms),
        "reason": letter.reason,
        "model_type": letter.model_type,
        "tenant_id": letter.tenant_id,
        "tenant_from": letter.tenant_from,
        "undecoded": letter.undecoded,
        "original_topic": origin.topic,
        "original_partition": origin.partition,
        "original_offset": origin.offset,
        "original_appended_at": utc_text(origin.timestamp_ms) or None,
        "original_timestamp_type": origin.timestamp_type,
        "consumer_group": origin.consumer_group,
        "error_class": origin.error_class,
    }


def exported_fields(letter: DeadLetter) -> dict[str, object]:
    """The same, with key, value and headers byte for byte in base64; tokens are left out."""
    return {
        **letter_fields(letter),
        "error_message": letter.provenance.error_message,
        "key_base64": _base64(letter.key),
        "value_base64": _base64(letter.value),
        "headers_base64": [
            [name, _base64(value)] for name, value in letter.headers if not is_authorization(name)
        ],
    }


def tally_lines(tally: Tally) -> list[str]:
    """How many of what; of tenants and the like only the most frequent."""
    return [
        *_counts("reason", tally.reasons),
        *_counts("model type", tally.model_types),
        *_counts("tenant", tally.tenants),
    ]


def shown_lines(letter: DeadLetter, *, unmasked: bool) -> list[str]:
    """The whole letter for people. Whatever a publisher wrote is masked, but for an operator who may see it;
    tokens are never shown."""
    clean: Callable[[str], str] = _as_it_is if unmasked else _masked
    origin = letter.provenance
    rows = [
        ("letter", f"{DEAD_LETTERS} [{letter.partition}] {letter.offset}"),
        ("appended", utc_text(letter.appended_ms)),
        ("reason", clean(letter.reason)),
        ("", clean(origin.error_message or "")),
        ("error class", clean(origin.error_class or "")),
        ("came from", _origin(letter, clean)),
        ("appended there", f"{utc_text(origin.timestamp_ms)} {clean(origin.timestamp_type or '')}".strip()),
        ("consumer group", clean(origin.consumer_group or "")),
        ("model type", clean(letter.model_type or "")),
        ("tenant", _tenant(letter, clean)),
        ("key", _bytes(letter.key, clean)),
        *_value_rows(letter, clean),
        *_header_rows(letter, clean),
    ]
    return [f"{title:<15} {text}" for title, text in rows if title or text]


def printable(text: str) -> str:
    """Whoever wrote the text chose its letters: none of them commands the terminal."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _value_rows(letter: DeadLetter, clean: Callable[[str], str]) -> list[tuple[str, str]]:
    if letter.value is None:
        return [("value", "none")]
    size = f"{len(letter.value)} bytes, SHA-256 {digest_of(letter.value)}"
    request = letter.request
    if request is None:
        return [
            ("value", size),
            ("can't be read", letter.undecoded or ""),
            ("as text", _bytes(letter.value, clean)),
        ]
    return [
        ("value", size),
        ("request id", clean(request.request_id)),
        ("language", clean(request.language)),
        ("text", clean(request.text)),
    ]


def _header_rows(letter: DeadLetter, clean: Callable[[str], str]) -> list[tuple[str, str]]:
    rows = []
    for name, value in letter.headers:
        if name.startswith(DLT_PREFIX) or name == ERROR_CODE:
            continue  # they are the rows above
        if is_authorization(name):
            shown = HIDDEN
        elif name == REPLY_PARTITION and value is not None:
            shown = (
                str(int.from_bytes(value, "big", signed=True)) if len(value) == 4 else _bytes(value, clean)
            )
        else:
            shown = _bytes(value, clean)
        rows.append(("header", f"{clean(name)}: {shown}"))
    return rows


def _origin(letter: DeadLetter, clean: Callable[[str], str]) -> str:
    origin = letter.provenance
    if origin.topic is None:
        return "unknown: no worker wrote this letter"
    return f"{clean(origin.topic)} [{origin.partition}] {origin.offset}"


def _tenant(letter: DeadLetter, clean: Callable[[str], str]) -> str:
    said_by = {"value": "says the value", "unverified_claims": "say the claims, which nobody checked here"}
    if letter.tenant_id is None or letter.tenant_from is None:
        return "unknown"
    return f"{clean(letter.tenant_id)} ({said_by[letter.tenant_from]})"


def _bytes(value: bytes | None, clean: Callable[[str], str]) -> str:
    if value is None:
        return "none"
    try:
        return clean(value.decode("utf-8"))
    except UnicodeDecodeError:
        return f"{len(value)} bytes that are no text"  # not in hex: a name is easily read from it


def _masked(text: str) -> str:
    # Masked before it is cut: half a number is no longer recognised. The end of what was cut isn't shown.
    masked = mask(text[:MAX_TEXT_CHARS])
    whole = len(text) <= MAX_TEXT_CHARS
    return _cut(masked if whole else masked[: max(0, len(masked) - 200)], len(text))


def _as_it_is(text: str) -> str:
    return _cut(text, len(text))


def _cut(text: str, length: int) -> str:
    if len(text) <= SHOWN_CHARS and length <= MAX_TEXT_CHARS:
        return printable(text)
    return f"{printable(text[:SHOWN_CHARS])}… ({length} characters)"


def _counts(title: str, counts: Counter[str]) -> list[str]:
    lines = [f"{number:>9} {title} {printable(name)}" for name, number in counts.most_common(SHOWN_KINDS)]
    rest = counts.total() - sum(number for _, number in counts.most_common(SHOWN_KINDS))
    return [*lines, f"{rest:>9} other {title}s"] if rest else lines


def _base64(value: bytes | None) -> str | None:
    return None if value is None else b64encode(value).decode("ascii")
