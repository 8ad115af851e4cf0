"""Which dead letters an operator gets to see, and what of them."""

from __future__ import annotations

import base64
import json
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from cli.dead_letters.export import whole_file
from cli.dead_letters.output import exported_fields, letter_cells, letter_fields, shown_lines, tally_lines
from cli.dead_letters.selection import MOST_KINDS, Selection, Tally
from cli.moments import moment_ms, utc_text
from schemas.errors import ClaimsExpired, EmptyText, OperatorError
from schemas.provenance import read_provenance
from tests.support.dead_letters import ORIGINAL_MS, Letter, letter_of, read
from tests.support.signed_records import signed_record, signing_key

NOTHING = Letter(None, None, ())


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Letter:
    key = signing_key(tmp_path_factory.mktemp("home"))
    return letter_of(signed_record(key, "Gọi bà Trần Thị Hoa, 0912345678.", tenant_id="t9"), EmptyText())


def test_a_letter_is_chosen_by_reason_model_type_tenant_and_both_times(letter: Letter) -> None:
    found = read(letter)
    appended = ORIGINAL_MS + 1000

    assert Selection().takes(found)
    for fits, does_not in [
        (Selection(reasons=frozenset({"EMPTY_TEXT"})), Selection(reasons=frozenset({"NOT_AVRO"}))),
        (Selection(model_types=frozenset({"principles"})), Selection(model_types=frozenset({"industry"}))),
        (Selection(tenants=frozenset({"t9", "t1"})), Selection(tenants=frozenset({"t1"}))),
        (Selection(since_ms=appended), Selection(since_ms=appended + 1)),
        (Selection(until_ms=appended + 1), Selection(until_ms=appended)),
        (Selection(original_since_ms=ORIGINAL_MS), Selection(original_since_ms=ORIGINAL_MS + 1)),
        (Selection(original_until_ms=ORIGINAL_MS + 1), Selection(original_until_ms=ORIGINAL_MS)),
    ]:
        assert fits.takes(found)
        assert not does_not.takes(found)
    assert not Selection(reasons=frozenset({"EMPTY_TEXT"}), tenants=frozenset({"t1"})).takes(found)


def test_a_letter_that_says_nothing_is_read_and_chosen_only_where_nothing_is_asked() -> None:
    found = read(NOTHING)

    assert (found.reason, found.model_type, found.tenant_id, found.tenant_from) == (
        "(none)",
        None,
        None,
        None,
    )
    assert found.undecoded == "NO_VALUE"
    assert Selection().takes(found)
    assert not Selection(tenants=frozenset({"t1"})).takes(found)
    assert not Selection(original_since_ms=0).takes(found)
    assert "unknown: no worker wrote this letter" in "\n".join(shown_lines(found, unmasked=False))


def test_a_tenant_that_only_the_token_names_is_said_to_be_unverified(letter: Letter) -> None:
    found = read(replace(letter, value=b"no avro"))

    assert (found.tenant_id, found.tenant_from, found.undecoded) == ("t9", "unverified_claims", "NOT_AVRO")
    assert letter_cells(found)[-1] == "t9 (?)"
    assert letter_fields(found)["tenant_from"] == "unverified_claims"
    assert "nobody checked" in "\n".join(shown_lines(found, unmasked=False))
    assert letter_cells(read(letter))[-1] == "t9"


@pytest.mark.parametrize("token", [b"", b"Bearer", b"Bearer \xff", b"Bearer a.b.c", b"Bearer " + b"[" * 9000])
def test_a_token_that_is_none_names_no_tenant(letter: Letter, token: bytes) -> None:
    assert read(Letter(None, b"x", (("authorization", token),))).tenant_id is None


def test_provenance_of_another_shape_is_no_provenance() -> None:
    found = read_provenance(
        [
            ("kafka_dlt-original-offset", b"12"),
            ("kafka_dlt-original-topic", None),
            ("veriaidpo-error-code", b"\xff"),
        ]
    )
    assert (found.offset, found.topic, found.error_code) == (None, None, "\\xff")


def test_a_letter_is_shown_masked_and_its_token_never(letter: Letter) -> None:
    token = dict(letter.headers)["authorization"].decode().removeprefix("Bearer ")
    odd = replace(letter, headers=(*letter.headers, ("Authorization", b"Bearer secret"), ("x", b"an@x.vn")))
    masked = "\n".join(shown_lines(read(odd), unmasked=False))
    plain = "\n".join(shown_lines(read(odd), unmasked=True))

    assert "Gọi bà [NAME], [PHONE]." in masked
    assert "x: [EMAIL]" in masked
    assert "Gọi bà Trần Thị Hoa, 0912345678." in plain
    for shown in (masked, plain):
        assert "veriaidpo.requests.principles [3] 41" in shown
        assert "EMPTY_TEXT" in shown
        assert token not in shown
        assert "secret" not in shown


def test_a_text_that_was_published_without_avro_is_shown_masked_and_other_bytes_not_at_all() -> None:
    text = "\n".join(shown_lines(read(Letter(None, "Nguyễn Văn An 0912345678".encode(), ())), unmasked=False))
    assert "[NAME] [PHONE]" in text
    noise = "\n".join(shown_lines(read(Letter(None, b"Nguyen Van An\xff", ())), unmasked=False))
    assert "14 bytes that are no text" in noise
    assert "Nguyen" not in noise


def test_half_a_number_at_the_end_of_what_is_shown_is_not_shown() -> None:
    for length in range(19_985, 20_000):
        value = b" " * length + b"0912345678"
        assert "0912" not in "\n".join(shown_lines(read(Letter(None, value, ())), unmasked=False))


def test_a_letter_commands_no_terminal() -> None:
    found = read(Letter(b"k\x1b[2J", b"\x1b]0;x\x07 text\x9b", (("veriaidpo-error-code", b"A\x1b[1m\n"),)))
    shown = "".join([*letter_cells(found), *shown_lines(found, unmasked=True)])
    assert all(character.isprintable() for character in shown)


def test_an_exported_letter_has_its_bytes_and_no_token(letter: Letter) -> None:
    value = bytes(range(256))
    exported = exported_fields(read(replace(letter, key=None, value=value)))

    assert base64.b64decode(str(exported["value_base64"])) == value
    assert exported["key_base64"] is None
    assert exported["original_offset"] == 41
    names = [name for name, _ in exported["headers_base64"]]  # type: ignore[attr-defined]
    assert "authorization" not in names
    assert names == [name for name, _ in letter.headers if name != "authorization"]
    assert "Bearer" not in json.dumps(exported)


def test_counts_stay_small_however_many_names_there_are() -> None:
    tally = Tally()
    for _ in range(3 * MOST_KINDS):
        tally.add(read(Letter(None, None, (("veriaidpo-error-code", str(uuid4()).encode()),))))
    assert tally.letters == 3 * MOST_KINDS
    assert len(tally.reasons) == MOST_KINDS + 1
    assert tally.reasons.total() == tally.letters
    assert len(tally_lines(tally)) < 40


def test_counts_name_reasons_and_tenants(letter: Letter) -> None:
    tally = Tally()
    for each in (letter, letter, NOTHING):
        tally.add(read(each))
    lines = [line.strip() for line in tally_lines(tally)]
    assert {"2 reason EMPTY_TEXT", "1 reason (none)", "2 tenant t9", "1 tenant (unknown)"} < set(lines)


def test_a_file_appears_when_it_is_complete_and_never_replaces_another(tmp_path: Path) -> None:
    path = tmp_path / "letters.jsonl"
    with suppress(ClaimsExpired), whole_file(path) as file:
        file.write("half")
        raise ClaimsExpired(reason="x")
    assert list(tmp_path.iterdir()) == []

    with whole_file(path) as file:
        file.write("whole")
        assert not path.exists()
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(OperatorError, match="exists already"), whole_file(path):
        pass
    assert path.read_text() == "whole"
    with pytest.raises(OperatorError, match="can't be written"), whole_file(tmp_path / "no" / "x.jsonl"):
        pass


def test_moments_have_a_zone_or_are_ages() -> None:
    now = datetime(2026, 11, 20, 12, tzinfo=UTC)
    noon = int(now.timestamp() * 1000)
    assert moment_ms("2026-11-20T19:00:00+07:00", now=now) == noon
    assert moment_ms("2026-11-20T12:00:00Z", now=now) == noon
    assert moment_ms("90m", now=now) == noon - 90 * 60_000
    assert moment_ms("14d", now=now) == noon - 14 * 86_400_000
    for wrong in ("2026-11-20", "2026-11-20T12:00:00", "yesterday", "-1d", "999999d" * 2, "1y", ""):
        with pytest.raises(ValueError):  # noqa: PT011 - fromisoformat's own words
            moment_ms(wrong, now=now)
    with pytest.raises(ValueError, match="too long ago"):
        moment_ms("999999d", now=now)
    assert utc_text(noon) == "2026-11-20T12:00:00.000Z"
    assert utc_text(2**62) == utc_text(-(2**62)) == utc_text(None) == ""
