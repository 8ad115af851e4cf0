"""A model store is what its manifest says, or it isn't used."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from connectors.model_store import (
    MANIFEST,
    BatchCheck,
    Encoder,
    Head,
    Manifest,
    ModelStore,
    Probe,
    StoredFile,
    digest_of,
    model_version,
)
from schemas.errors import ModelsDamaged
from schemas.taxonomy import MODEL_TYPES

LABELS = tuple(label.name for label in MODEL_TYPES["regional"].labels)
FILES = ["encoder.onnx", "heads.safetensors", "tokenizer.json", "fp32_labels.json"]


def stored(folder: Path, name: str) -> StoredFile:
    content = f"the bytes of {name}".encode()
    (folder / name).write_bytes(content)
    return StoredFile(file=name, sha256=digest_of(content), bytes=len(content))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A store of one model whose files are whole."""
    encoder = Encoder(
        **stored(tmp_path, "encoder.onnx").model_dump(), scheme="fp32", fp32_kept=(), max_tokens=512
    )
    tokenizer = stored(tmp_path, "tokenizer.json")
    head = digest_of(b"head")
    manifest = Manifest(
        format=1,
        encoder=encoder,
        heads=stored(tmp_path, "heads.safetensors"),
        tokenizer=tokenizer,
        models={
            "regional": Head(
                id="starter/regional",
                version=model_version(encoder, head, tokenizer, LABELS),
                labels=LABELS,
                head_sha256=head,
                source_digest=digest_of(b"source"),
                agreement=1.0,
            )
        },
        probe=Probe(
            sentences=1,
            sentences_sha256=digest_of(b"sentences"),
            comparisons=1,
            agreement=1.0,
            lowest_agreement=1.0,
            batches=BatchCheck(comparisons=3, labels_changed=0, near_ties=0, largest_score_move=0.0),
            fp32_labels=stored(tmp_path, "fp32_labels.json"),
        ),
        tried=(),
    )
    (tmp_path / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    return tmp_path


def change(folder: Path, *keys: str, value: object) -> None:
    """Write another value into the manifest."""
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    part = manifest
    for key in keys[:-1]:
        part = part[key]
    part[keys[-1]] = value
    (folder / MANIFEST).write_text(json.dumps(manifest), encoding="utf-8")


def test_whole_store_is_verified_and_names_its_models(folder: Path) -> None:
    store = ModelStore(folder)
    store.verify()
    assert store.models["regional"].labels == LABELS
    assert store.models["regional"].model_id == "starter/regional"
    assert store.encoder_path.is_file()
    assert store.max_tokens == 512


@pytest.mark.parametrize("name", FILES)
def test_file_with_a_flipped_bit_is_damage(folder: Path, name: str) -> None:
    content = bytearray((folder / name).read_bytes())
    content[-1] ^= 1
    (folder / name).write_bytes(content)
    with pytest.raises(ModelsDamaged, match=f"{name} has another digest"):
        ModelStore(folder).verify()


@pytest.mark.parametrize("name", FILES)
def test_half_written_file_is_damage(folder: Path, name: str) -> None:
    (folder / name).write_bytes((folder / name).read_bytes()[:5])
    with pytest.raises(ModelsDamaged, match="has 5 bytes"):
        ModelStore(folder).verify()


@pytest.mark.parametrize("name", FILES)
def test_missing_file_is_damage(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelsDamaged, match=f"{name} can't be read"):
        ModelStore(folder).verify()


def test_missing_manifest_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelsDamaged, match="veriaidpo models convert"):
        ModelStore(tmp_path / "nothing")


def test_manifest_that_is_not_json_is_damage(folder: Path) -> None:
    (folder / MANIFEST).write_text("{", encoding="utf-8")
    with pytest.raises(ModelsDamaged, match="isn't a manifest"):
        ModelStore(folder)


def test_manifest_of_another_format_is_not_guessed_at(folder: Path) -> None:
    change(folder, "format", value=2)
    with pytest.raises(ModelsDamaged, match="format"):
        ModelStore(folder)


@pytest.mark.parametrize("name", ["../encoder.onnx", "/etc/passwd", "a/b", ".hidden", ""])
def test_manifest_never_reaches_outside_its_folder(folder: Path, name: str) -> None:
    change(folder, "encoder", "file", value=name)
    with pytest.raises(ModelsDamaged, match=r"encoder\.file"):
        ModelStore(folder)


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (("models", "regional", "labels"), list(reversed(LABELS))),
        (("models", "regional", "head_sha256"), digest_of(b"another head")),
        (("encoder", "scheme"), "row-int8"),
        (("encoder", "max_tokens"), 128),
    ],
)
def test_version_is_the_digest_of_all_that_decides_an_answer(
    folder: Path, keys: tuple[str, ...], value: object
) -> None:
    change(folder, *keys, value=value)
    with pytest.raises(ModelsDamaged, match="version of model regional"):
        ModelStore(folder).verify()
