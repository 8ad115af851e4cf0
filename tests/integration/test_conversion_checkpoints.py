"""What a converter reads from disk, and what it refuses to; no PyTorch needed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from schemas.errors import ConversionRefused
from streams.conversion.checkpoints import read_checkpoints
from tests.support.tiny_checkpoints import random_head, write_checkpoints, write_index

HEADS = {"regional": random_head("regional", 1), "principles": random_head("principles", 2)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_checkpoints(tmp_path / "checkpoints", HEADS)


def edit_config(folder: Path, **values: object) -> None:
    path = folder / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | values), encoding="utf-8")


def test_shared_encoder_is_read_through_the_index(folder: Path) -> None:
    found = read_checkpoints(folder)
    assert set(found.heads) == set(HEADS)
    assert found.max_tokens == 64
    assert "encoder.layer.1.output.dense.weight" in found.encoder
    np.testing.assert_array_equal(found.heads["regional"].weight, HEADS["regional"][0])


def test_folder_without_model_types_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConversionRefused, match="no folder that is named after a model type"):
        read_checkpoints(tmp_path)


def test_index_that_names_a_file_outside_the_folder_is_refused(folder: Path) -> None:
    save_file({"classifier.weight": np.zeros((1, 1), np.float32)}, folder.parent / "other.safetensors")
    write_index(folder / "regional", {"classifier.weight": "../../other.safetensors"})
    with pytest.raises(ConversionRefused, match="outside"):
        read_checkpoints(folder)


def test_link_that_leads_outside_the_folder_is_refused(folder: Path) -> None:
    outside = folder.parent / "other.safetensors"
    (folder / "regional" / "head.safetensors").rename(outside)
    (folder / "regional" / "head.safetensors").symlink_to(outside)
    with pytest.raises(ConversionRefused, match="outside"):
        read_checkpoints(folder)


def test_different_encoders_are_refused(folder: Path) -> None:
    other = write_checkpoints(folder.parent / "other", HEADS)
    found = read_checkpoints(other)
    changed = {f"bert.{name}": value + 1 for name, value in found.encoder.items()}
    save_file(changed, folder / "second.safetensors")
    index = json.loads((folder / "regional" / "model.safetensors.index.json").read_text(encoding="utf-8"))
    files = {tensor: file.replace("../encoder", "../second") for tensor, file in index["weight_map"].items()}
    write_index(folder / "regional", files)
    with pytest.raises(ConversionRefused, match="different encoders"):
        read_checkpoints(folder)


def test_different_tokenizers_are_refused(folder: Path) -> None:
    path = folder / "regional" / "tokenizer.json"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")
    with pytest.raises(ConversionRefused, match="different tokenizers"):
        read_checkpoints(folder)


def test_labels_that_are_not_the_taxonomys_are_refused(folder: Path) -> None:
    edit_config(folder / "regional", id2label={"0": "North", "1": "South", "2": "West"})
    with pytest.raises(ConversionRefused, match="regional has the labels"):
        read_checkpoints(folder)


def test_another_architecture_is_refused(folder: Path) -> None:
    edit_config(folder / "regional", architectures=["RobertaForSequenceClassification"])
    with pytest.raises(ConversionRefused, match="regional isn't a BertForSequenceClassification"):
        read_checkpoints(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    (folder / "regional" / "head.safetensors").write_bytes(b"\x80\x04pickle")
    with pytest.raises(ConversionRefused, match=r"head\.safetensors can't be read"):
        read_checkpoints(folder)
