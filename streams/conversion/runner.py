"""Runs an encoder and its heads over tokenised sentences, in whatever batches it is told to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from connectors.model_store import ModelStore

Floats = npt.NDArray[np.float32]
Ids = Sequence[int]


class Heads:
    """All model types' classifiers over one sentence vector."""

    def __init__(self, tensors: Mapping[str, Floats], names: Sequence[str]) -> None:
        self._parts = {
            name: (tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"].astype(np.float32))
            for name in names
        }

    def scores(self, pooled: Floats) -> dict[str, Floats]:
        """Softmax over the labels, sentences x labels, by model type; each sentence is computed alone."""
        return {
            name: np.stack([_softmax(weight @ row + bias) for row in pooled])
            for name, (weight, bias) in self._parts.items()
        }


class EncoderRunner:
    """An ONNX encoder, from its bytes or its path."""

    def __init__(self, encoder: bytes | Path) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3  # it warns of every constant that it folds
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        source = str(encoder) if isinstance(encoder, Path) else encoder
        self._session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])

    def pooled(self, sentences: Sequence[Ids], batches: Sequence[Sequence[int]]) -> Floats:
        """Sentence vectors, in the sentences' order, computed in these batches of their indices."""
        rows: dict[int, Floats] = {}
        for batch in batches:
            width = max(len(sentences[index]) for index in batch)
            ids = np.zeros((len(batch), width), dtype=np.int64)
            mask = np.zeros((len(batch), width), dtype=np.int64)
            for row, index in enumerate(batch):
                ids[row, : len(sentences[index])] = sentences[index]
                mask[row, : len(sentences[index])] = 1
            vectors = self._session.run(None, {"input_ids": ids, "attention_mask": mask})[0]
            rows.update(zip(batch, vectors, strict=True))
        return np.stack([rows[index] for index in range(len(sentences))])


def heads_of(store: ModelStore) -> Heads:
    return Heads(load_file(str(store.heads_path)), tuple(store.models))


def tokenised(tokenizer: Tokenizer, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    """Token ids of each text, cut at the encoder's positions as the engine cuts them."""
    tokenizer.no_padding()
    tokenizer.enable_truncation(max_tokens)
    return [encoding.ids for encoding in tokenizer.encode_batch_fast(list(texts))]


def sorted_batches(sentences: Sequence[Ids], size: int) -> list[list[int]]:
    """Batches of sentences of like length, so that little is padding."""
    order = sorted(range(len(sentences)), key=lambda index: len(sentences[index]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def _softmax(logits: Floats) -> Floats:
    powers = np.exp(logits - logits.max())
    scores: Floats = powers / powers.sum()
    return scores
