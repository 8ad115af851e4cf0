"""What `veriaidpo models verify` measures on a store as it lies on disk; no PyTorch needed."""

from __future__ import annotations

import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tokenizers import Tokenizer

from connectors.model_store import ModelStore
from schemas.errors import ModelsDamaged
from schemas.taxonomy import MODEL_TYPES
from streams.conversion.checks import Agreement, agreement
from streams.conversion.runner import EncoderRunner, Floats, heads_of, sorted_batches, tokenised
from streams.conversion.store_files import texts_digest

BATCH = 16


@dataclass(frozen=True, slots=True)
class HeldOut:
    """A sentence with the label people gave it; no model was trained on it."""

    model_type: str
    label: int
    text: str


@dataclass(frozen=True, slots=True)
class Quality:
    """Share of held-out sentences that a model labels as people did."""

    sentences: int
    as_written: float
    without_diacritics: float


def verified_agreement(store: ModelStore, probe: Sequence[str]) -> Agreement:
    """Check the digests, classify the probe sentences again, and compare with the fp32 labels on record."""
    store.verify()
    if texts_digest(probe) != store.manifest.probe.sentences_sha256:
        raise ModelsDamaged(reason="these aren't the probe sentences that its fp32 labels were recorded on")
    fp32 = json.loads(store.fp32_labels_path.read_text(encoding="utf-8"))
    return agreement(_Classifier(store).scores(probe), fp32)


def quality(store: ModelStore, sentences: Sequence[HeldOut]) -> dict[str, Quality]:
    """By model type, on its own sentences: as they stand, and with the diacritics taken off."""
    classifier = _Classifier(store)
    written = classifier.scores([sentence.text for sentence in sentences])
    bare = classifier.scores([without_diacritics(sentence.text) for sentence in sentences])
    rows = defaultdict(list)
    for index, sentence in enumerate(sentences):
        rows[sentence.model_type].append(index)
    return {
        name: Quality(
            sentences=len(rows[name]),
            as_written=_share(written[name][rows[name]].argmax(axis=1), rows[name], sentences),
            without_diacritics=_share(bare[name][rows[name]].argmax(axis=1), rows[name], sentences),
        )
        for name in MODEL_TYPES
        if name in store.models and rows[name]
    }


def read_held_out(path: Path) -> list[HeldOut]:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line]
    return [HeldOut(line["model_type"], int(line["label"]), line["text"]) for line in lines]


def without_diacritics(text: str) -> str:
    """As people type on keyboards without Vietnamese: d for đ, no tone and vowel marks."""
    parts = unicodedata.normalize("NFD", text.replace("đ", "d").replace("Đ", "D"))
    return "".join(char for char in parts if not unicodedata.combining(char))


class _Classifier:
    """A store's encoder and heads over texts."""

    def __init__(self, store: ModelStore) -> None:
        self._runner = EncoderRunner(store.encoder_path)
        self._heads = heads_of(store)
        self._tokenizer = Tokenizer.from_file(str(store.tokenizer_path))
        self._max_tokens = store.max_tokens

    def scores(self, texts: Sequence[str]) -> dict[str, Floats]:
        sentences = tokenised(self._tokenizer, texts, self._max_tokens)
        return self._heads.scores(self._runner.pooled(sentences, sorted_batches(sentences, BATCH)))


def _share(labels: Iterable[int], rows: Sequence[int], sentences: Sequence[HeldOut]) -> float:
    same = [int(label) == sentences[row].label for label, row in zip(labels, rows, strict=True)]
    return sum(same) / len(same)
