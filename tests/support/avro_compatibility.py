"""Whether data of one Avro schema can be read with another, by the specification's resolution rules.

Stricter than the rules in one point: a reader's union must take each branch of a writer's union, since
"may fail on some data" is not compatible.
"""

from __future__ import annotations

from typing import Any

_PROMOTIONS = {
    "int": {"long", "float", "double"},
    "long": {"float", "double"},
    "float": {"double"},
    "string": {"bytes"},
    "bytes": {"string"},
}


def differences(reader: Any, writer: Any, path: str = "") -> list[str]:
    """Why `reader` can't read what `writer` wrote; empty where it can."""
    if isinstance(writer, list):
        return [found for branch in writer for found in differences(reader, branch, path)]
    if isinstance(reader, list):
        if any(not differences(branch, writer, path) for branch in reader):
            return []
        return [f"{path}: no branch of the reader's union takes {_kind(writer)}"]
    reader_kind, writer_kind = _kind(reader), _kind(writer)
    if reader_kind != writer_kind:
        if reader_kind in _PROMOTIONS.get(writer_kind, set()):
            return []
        return [f"{path}: {writer_kind} can't be read as {reader_kind}"]
    match reader_kind:
        case "record":
            return _record_differences(reader, writer, path)
        case "array":
            return differences(reader["items"], writer["items"], f"{path}[]")
        case "map":
            return differences(reader["values"], writer["values"], f"{path}{{}}")
        case "enum":
            missing = set(writer["symbols"]) - set(reader["symbols"])
            return (
                [f"{path}: symbols {sorted(missing)} are gone"] if missing and "default" not in reader else []
            )
    return []


def _record_differences(reader: Any, writer: Any, path: str) -> list[str]:
    if _name(reader) != _name(writer):
        return [f"{path}: record {_name(writer)} became {_name(reader)}"]
    found: list[str] = []
    written = {field["name"]: field for field in writer["fields"]}
    for field in reader["fields"]:
        names = [field["name"], *field.get("aliases", [])]
        source = next((written[name] for name in names if name in written), None)
        where = f"{path}.{field['name']}"
        if source is not None:
            found += differences(field["type"], source["type"], where)
        elif "default" not in field:
            found.append(f"{where}: not written, and without a default")
    return found


def _kind(schema: Any) -> str:
    if isinstance(schema, dict):
        kind = schema["type"]
        return _kind(kind) if isinstance(kind, dict | list) else str(kind)
    return str(schema)


def _name(record: Any) -> str:
    return str(record["name"]).rpartition(".")[2]
