"""Every schema can read what every released version wrote, and every released version what it writes."""

from __future__ import annotations

import copy
import json
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from fastavro import parse_schema, schemaless_reader, schemaless_writer
from fastavro.utils import generate_many

import schemas
from schemas import avro_schemas
from schemas.avro_schemas import EVENT_NAMES, current_json, known_writers, released_versions, writer_of
from schemas.codec import Codec
from schemas.events import ClassificationRequest
from tests.support.avro_compatibility import differences

RELEASED = [
    (version, event) for version, files in sorted(released_versions().items()) for event in sorted(files)
]


@pytest.mark.parametrize(("version", "event"), RELEASED)
def test_a_schema_is_compatible_with_every_released_version_backward(version: int, event: str) -> None:
    assert differences(reader=_current(event), writer=_released(version, event)) == []


@pytest.mark.parametrize(("version", "event"), RELEASED)
def test_a_schema_is_compatible_with_every_released_version_forward(version: int, event: str) -> None:
    assert differences(reader=_released(version, event), writer=_current(event)) == []


@pytest.mark.parametrize(("version", "event"), RELEASED)
def test_random_data_of_either_is_read_with_the_other(version: int, event: str) -> None:
    current, released = _current(event), _released(version, event)

    for writer, reader in ((released, current), (current, released)):
        for datum in generate_many(parse_schema(copy.deepcopy(writer)), 20):
            _resolve(datum, writer, reader)


@pytest.mark.parametrize(("version", "event"), RELEASED)
def test_the_codec_reads_what_a_released_version_wrote(version: int, event: str) -> None:
    writer = writer_of(released_versions()[version][event])

    for datum in generate_many(writer.parsed, 20):
        out = BytesIO(b"\xc3\x01" + writer.fingerprint)
        out.seek(10)
        schemaless_writer(out, writer.parsed, datum)
        assert type(Codec().decode(out.getvalue())).__name__ == event


def test_every_event_is_released_and_no_release_was_lost() -> None:
    versions = released_versions()

    assert sorted(versions) == list(range(1, len(versions) + 1))
    assert set(versions[max(versions)]) == set(EVENT_NAMES)
    folder = Path(schemas.__file__).parent / "avro"
    assert {path.stem for path in folder.glob("*.avsc")} == set(EVENT_NAMES)


def test_what_was_written_before_a_schema_changed_is_still_read(monkeypatch: pytest.MonkeyPatch) -> None:
    request = ClassificationRequest("r-1", "t", "principles", "vi", "Xin chào")
    released = Codec().encode(request)
    changed = _current("ClassificationRequest")
    changed["fields"].reverse()  # other bytes, the same content
    texts = {event: current_json(event) for event in EVENT_NAMES} | {
        "ClassificationRequest": json.dumps(changed)
    }
    monkeypatch.setattr(avro_schemas, "current_json", texts.get)
    codec = Codec()

    assert codec.encode(request)[2:10] != released[2:10]
    assert codec.decode(released) == codec.decode(codec.encode(request)) == request
    assert {writer.event for writer in known_writers().values() if writer.is_current} == set(EVENT_NAMES)


def _drop_field(schema: Any) -> None:
    schema["fields"] = [field for field in schema["fields"] if field["name"] != "text"]


def _add_field_without_default(schema: Any) -> None:
    schema["fields"].append({"name": "priority", "type": "int"})


def _change_type(schema: Any) -> None:
    schema["fields"][0]["type"] = "long"


def _rename_record(schema: Any) -> None:
    schema["name"] = "Request"


def _make_optional(schema: Any) -> None:
    schema["fields"][0]["type"] = ["null", "string"]


@pytest.mark.parametrize(
    ("change", "backward", "forward"),
    [
        (_drop_field, True, False),
        (_add_field_without_default, False, True),
        (_change_type, False, False),
        (_rename_record, False, False),
        (_make_optional, True, False),
    ],
)
def test_an_incompatible_change_is_refused(change: Any, backward: bool, forward: bool) -> None:
    released = _released(1, "ClassificationRequest")
    changed = copy.deepcopy(released)
    change(changed)

    assert (differences(reader=changed, writer=released) == []) == backward
    assert (differences(reader=released, writer=changed) == []) == forward


def test_a_compatible_change_is_accepted_and_reads_real_data() -> None:
    released = _released(1, "ClassificationRequest")
    changed = copy.deepcopy(released)
    changed["fields"].insert(0, {"name": "priority", "type": "int", "default": 3})

    assert differences(reader=changed, writer=released) == []
    assert differences(reader=released, writer=changed) == []
    for datum in generate_many(parse_schema(copy.deepcopy(released)), 5):
        assert _resolve(datum, released, changed)["priority"] == 3


def test_what_the_check_refuses_fastavro_cannot_read_either() -> None:
    released = _released(1, "ClassificationRequest")
    changed = copy.deepcopy(released)
    _change_type(changed)

    for datum in generate_many(parse_schema(copy.deepcopy(released)), 3):
        with pytest.raises(Exception, match="Schema mismatch"):
            _resolve(datum, released, changed)


def _resolve(datum: Any, writer: Any, reader: Any) -> Any:
    out = BytesIO()
    schemaless_writer(out, parse_schema(copy.deepcopy(writer)), datum)
    out.seek(0)
    return schemaless_reader(out, parse_schema(copy.deepcopy(writer)), parse_schema(copy.deepcopy(reader)))


def _current(event: str) -> Any:
    return json.loads(current_json(event))


def _released(version: int, event: str) -> Any:
    return json.loads(released_versions()[version][event])
