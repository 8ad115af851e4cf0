"""Writes a model store: the files first, the manifest that makes them one last."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save

from connectors.model_store import (
    MANIFEST,
    Attempt,
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
from streams.conversion.checkpoints import Checkpoints
from streams.conversion.checks import Agreement, Invariance, Labels

ENCODER = "encoder.onnx"
HEADS = "heads.safetensors"
TOKENIZER = "tokenizer.json"
FP32_LABELS = "fp32_labels.json"

Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Conversion:
    """A conversion that passed, and what it measured."""

    checkpoints: Checkpoints
    scheme: str
    encoder: bytes
    fp32_kept: tuple[str, ...]
    probe: Sequence[str]
    fp32_labels: Labels
    agreement: Agreement
    invariance: Invariance
    tried: tuple[Attempt, ...]


def write_store(folder: Path, conversion: Conversion) -> ModelStore:
    """Write `folder`'s files, each complete or not at all; what else lies in it stays."""
    checkpoints = conversion.checkpoints
    folder.mkdir(parents=True, exist_ok=True)
    encoder = Encoder(
        **dict(_written(folder / ENCODER, conversion.encoder)),
        scheme=conversion.scheme,
        fp32_kept=conversion.fp32_kept,
        max_tokens=checkpoints.max_tokens,
    )
    heads = _written(folder / HEADS, save(head_tensors(checkpoints)))
    tokenizer = _written(folder / TOKENIZER, checkpoints.tokenizer)
    labels = _written(folder / FP32_LABELS, _json(conversion.fp32_labels, indent=None))
    manifest = Manifest(
        format=1,
        encoder=encoder,
        heads=heads,
        tokenizer=tokenizer,
        models=_models(conversion, encoder, tokenizer, folder.name),
        probe=_probe(conversion, labels),
        tried=conversion.tried,
    )
    _written(folder / MANIFEST, _json(manifest.model_dump(mode="json"), indent=2))
    return ModelStore(folder)


def head_tensors(checkpoints: Checkpoints) -> dict[str, Floats]:
    return {
        f"{name}.{part}": value
        for name, head in checkpoints.heads.items()
        for part, value in (("weight", head.weight), ("bias", head.bias))
    }


def texts_digest(texts: Sequence[str]) -> str:
    """Of the sentences and their order: recorded labels belong to exactly these."""
    return digest_of(json.dumps(list(texts), ensure_ascii=False).encode())


def _models(
    conversion: Conversion, encoder: Encoder, tokenizer: StoredFile, set_name: str
) -> dict[str, Head]:
    models = {}
    for name, head in conversion.checkpoints.heads.items():
        digest = digest_of(head.weight.tobytes() + head.bias.tobytes())
        models[name] = Head(
            id=f"{set_name}/{name}",
            version=model_version(encoder, digest, tokenizer, head.labels),
            labels=head.labels,
            head_sha256=digest,
            source_digest=head.source_digest,
            agreement=round(conversion.agreement.by_model[name], 5),
        )
    return models


def _probe(conversion: Conversion, labels: StoredFile) -> Probe:
    varies = conversion.invariance
    return Probe(
        sentences=len(conversion.probe),
        sentences_sha256=texts_digest(conversion.probe),
        comparisons=conversion.agreement.comparisons,
        agreement=round(conversion.agreement.overall, 5),
        lowest_agreement=round(conversion.agreement.lowest, 5),
        batches=BatchCheck(
            comparisons=varies.comparisons,
            labels_changed=varies.labels_changed,
            near_ties=varies.near_ties,
            largest_score_move=float(f"{varies.largest_move:.2e}"),
        ),
        fp32_labels=labels,
    )


def _written(path: Path, content: bytes) -> StoredFile:
    part = path.with_name(f".{path.name}.part")
    part.write_bytes(content)
    os.replace(part, path)
    return StoredFile(file=path.name, sha256=digest_of(content), bytes=len(content))


def _json(value: object, indent: int | None) -> bytes:
    return (json.dumps(value, indent=indent, ensure_ascii=False) + "\n").encode()
