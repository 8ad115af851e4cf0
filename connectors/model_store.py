"""A folder of converted models: one encoder, a head for each model type, a tokenizer, and what they must be.

manifest.json       digests of the files below, labels, versions, and what the conversion measured
encoder.onnx        token ids and mask -> sentence vector; shared by all models
heads.safetensors   `<model type>.weight` (labels x hidden) and `<model type>.bias`
tokenizer.json      of the `tokenizers` library
fp32_labels.json    what the checkpoints answered in fp32 on the probe sentences
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from schemas.errors import ModelsDamaged

MANIFEST = "manifest.json"

# One name, no folders: a manifest never reaches outside its own folder.
FileName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*$")]
Digest = Annotated[str, StringConstraints(pattern=r"^sha256:[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class StoredModel:
    """One model type's model; `version` changes with any byte that can change an answer."""

    model_type: str
    model_id: str
    version: str
    labels: tuple[str, ...]


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class StoredFile(_Part):
    file: FileName
    sha256: Digest
    bytes: int


class Encoder(StoredFile):
    scheme: str
    """How the encoder's products are computed, as `streams.conversion` names it."""
    fp32_kept: tuple[str, ...]
    max_tokens: int = Field(ge=1)


class Head(_Part):
    id: str
    version: Digest
    labels: tuple[str, ...]
    head_sha256: Digest
    source_digest: Digest
    agreement: float


class BatchCheck(_Part):
    """The probe's answers in other batches: alone, in small and big ones, and shuffled."""

    comparisons: int
    labels_changed: int
    near_ties: int
    largest_score_move: float


class Probe(_Part):
    """What the conversion measured; shares of labels that agree with fp32."""

    sentences: int
    sentences_sha256: Digest
    comparisons: int
    agreement: float
    lowest_agreement: float
    batches: BatchCheck
    fp32_labels: StoredFile


class Attempt(_Part):
    """A scheme that was tried, the fastest first; the last one is the one taken."""

    scheme: str
    fp32_kept: int
    agreement: float
    lowest_agreement: float
    labels_changed: int
    passed: bool


class Manifest(_Part):
    format: Literal[1]
    encoder: Encoder
    heads: StoredFile
    tokenizer: StoredFile
    models: dict[str, Head] = Field(min_length=1)
    probe: Probe
    tried: tuple[Attempt, ...]

    @property
    def files(self) -> tuple[StoredFile, ...]:
        return (self.encoder, self.heads, self.tokenizer, self.probe.fp32_labels)


class ModelStore:
    """Models on disk, as their manifest describes them; ModelsDamaged where there is no valid manifest."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = _read_manifest(folder / MANIFEST)

    @property
    def models(self) -> Mapping[str, StoredModel]:
        return {
            name: StoredModel(name, head.id, head.version, head.labels)
            for name, head in self.manifest.models.items()
        }

    @property
    def encoder_path(self) -> Path:
        return self.folder / self.manifest.encoder.file

    @property
    def heads_path(self) -> Path:
        return self.folder / self.manifest.heads.file

    @property
    def tokenizer_path(self) -> Path:
        return self.folder / self.manifest.tokenizer.file

    @property
    def fp32_labels_path(self) -> Path:
        return self.folder / self.manifest.probe.fp32_labels.file

    @property
    def max_tokens(self) -> int:
        """Positions that the encoder has."""
        return self.manifest.encoder.max_tokens

    def verify(self) -> None:
        """Hold every file and version to the manifest; ModelsDamaged names the first that differs."""
        for stored in self.manifest.files:
            _check_file(self.folder / stored.file, stored)
        manifest = self.manifest
        for name, head in manifest.models.items():
            if head.version != model_version(
                manifest.encoder, head.head_sha256, manifest.tokenizer, head.labels
            ):
                raise ModelsDamaged(reason=f"the version of model {name} isn't the digest of its parts")


def model_version(encoder: Encoder, head_sha256: str, tokenizer: StoredFile, labels: Sequence[str]) -> str:
    """Digest over all that decides a model's answers."""
    parts = {
        "encoder": encoder.sha256,
        "scheme": encoder.scheme,
        "max_tokens": encoder.max_tokens,
        "head": head_sha256,
        "tokenizer": tokenizer.sha256,
        "labels": list(labels),
    }
    return digest_of(json.dumps(parts, sort_keys=True, ensure_ascii=False).encode())


def digest_of(value: bytes) -> str:
    return f"sha256:{hashlib.sha256(value).hexdigest()}"


def file_digest(path: Path) -> str:
    with path.open("rb") as file:
        return f"sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _read_manifest(path: Path) -> Manifest:
    try:
        return Manifest.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ModelsDamaged(reason=f"{path} can't be read ({type(error).__name__})") from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(step) for step in first["loc"])
        raise ModelsDamaged(
            reason=f"{path} isn't a manifest: {where or 'the file'}: {first['msg']}"
        ) from error


def _check_file(path: Path, stored: StoredFile) -> None:
    try:
        size = path.stat().st_size
        # The size first: it tells a half-written file without reading it.
        found = file_digest(path) if size == stored.bytes else None
    except OSError as error:
        raise ModelsDamaged(reason=f"{path} can't be read ({type(error).__name__})") from error
    if size != stored.bytes:
        raise ModelsDamaged(reason=f"{path} has {size} bytes, not {stored.bytes}")
    if found != stored.sha256:
        raise ModelsDamaged(reason=f"{path} has another digest than its manifest")
