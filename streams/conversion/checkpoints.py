"""Hugging Face sequence classifiers that share an encoder, read without PyTorch.

    checkpoints/<model type>/config.json, tokenizer.json,
                             model.safetensors or model.safetensors.index.json

An index may name files above its folder (`../encoder.safetensors`), but none outside the checkpoints' folder.
Only safetensors is read: a pickle can run code.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from connectors.model_store import digest_of
from schemas.errors import ConversionRefused
from schemas.taxonomy import MODEL_TYPES

HEAD = "classifier."
ARCHITECTURE = "BertForSequenceClassification"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Head:
    """One model type's classifier; `source_digest` is over its checkpoint's configuration and tensors."""

    labels: tuple[str, ...]
    weight: Floats  # labels x hidden
    bias: Floats
    source_digest: str


@dataclass(frozen=True, slots=True)
class Checkpoints:
    """All model types' heads over the one encoder."""

    config: Mapping[str, object]
    encoder: Mapping[str, Floats]  # by tensor name, without the `bert.` in front
    heads: Mapping[str, Head]
    tokenizer: bytes
    max_tokens: int


def read_checkpoints(folder: Path) -> Checkpoints:
    """Read every model type's folder in `folder`; ConversionRefused says which one can't be used and why."""
    names = [name for name in MODEL_TYPES if (folder / name / "config.json").is_file()]
    if not names:
        raise ConversionRefused(reason=f"{folder} has no folder that is named after a model type")
    first = names[0]
    config = _config(folder / first)
    encoder, digest = _encoder(folder, first)
    tokenizer = (folder / first / "tokenizer.json").read_bytes()
    for name in names[1:]:
        if _encoder(folder, name)[1] != digest:
            raise ConversionRefused(reason=f"{name} and {first} have different encoders")
        if (folder / name / "tokenizer.json").read_bytes() != tokenizer:
            raise ConversionRefused(reason=f"{name} and {first} have different tokenizers")
    return Checkpoints(
        config=config,
        encoder=encoder,
        heads={name: _head(folder, name, digest) for name in names},
        tokenizer=tokenizer,
        max_tokens=int(str(config["max_position_embeddings"])),
    )


def _encoder(folder: Path, name: str) -> tuple[dict[str, Floats], str]:
    tensors = {
        tensor: value for tensor, value in _tensors(folder, name).items() if not tensor.startswith(HEAD)
    }
    whole = hashlib.sha256()
    for tensor, value in sorted(tensors.items()):
        whole.update(f"{tensor}{value.shape}".encode())
        whole.update(value.tobytes())
    return (
        {tensor.removeprefix("bert."): value for tensor, value in tensors.items()},
        f"sha256:{whole.hexdigest()}",
    )


def _head(folder: Path, name: str, encoder_digest: str) -> Head:
    config = _config(folder / name)
    labels = _labels(config)
    expected = tuple(label.name for label in MODEL_TYPES[name].labels)
    if labels != expected:
        raise ConversionRefused(reason=f"{name} has the labels {labels}, not {expected}")
    tensors = _tensors(folder, name)
    weight, bias = tensors[f"{HEAD}weight"], tensors[f"{HEAD}bias"]
    if weight.shape[0] != len(labels) or bias.shape != (len(labels),):
        raise ConversionRefused(reason=f"{name} has {weight.shape[0]} outputs for {len(labels)} labels")
    source = json.dumps([encoder_digest, config], sort_keys=True).encode() + weight.tobytes() + bias.tobytes()
    return Head(labels, weight, bias, digest_of(source))


def _config(folder: Path) -> dict[str, object]:
    config: dict[str, object] = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    if config.get("architectures") != [ARCHITECTURE]:
        raise ConversionRefused(reason=f"{folder.name} isn't a {ARCHITECTURE}")
    return config


def _labels(config: Mapping[str, object]) -> tuple[str, ...]:
    by_id = config.get("id2label")
    if not isinstance(by_id, dict):
        return ()
    return tuple(str(by_id[key]) for key in sorted(by_id, key=int))


def _tensors(folder: Path, name: str) -> dict[str, Floats]:
    """All tensors of a checkpoint as float32."""
    values: dict[str, Floats] = {}
    for path, names in _files(folder, name).items():
        try:
            with safe_open(path, framework="numpy") as file:
                for tensor in names or file.keys():
                    values[tensor] = file.get_tensor(tensor).astype(np.float32)
        except (OSError, SafetensorError) as error:
            raise ConversionRefused(reason=f"{name}: {path.name} can't be read ({error})") from error
    if f"{HEAD}weight" not in values or f"{HEAD}bias" not in values:
        raise ConversionRefused(reason=f"{name} has no classifier")
    return values


def _files(folder: Path, name: str) -> dict[Path, list[str]]:
    """Which tensors to take from which file; an empty list: all of them."""
    index = folder / name / "model.safetensors.index.json"
    if not index.is_file():
        return {folder / name / "model.safetensors": []}
    files: dict[Path, list[str]] = {}
    for tensor, file in json.loads(index.read_text(encoding="utf-8"))["weight_map"].items():
        path = (index.parent / file).resolve()
        if not path.is_relative_to(folder.resolve()):
            raise ConversionRefused(reason=f"{name}: its index names {file}, outside {folder}")
        files.setdefault(path, []).append(tensor)
    return files
