"""Eleven models in the memory of one: a shared encoder on ONNX Runtime and a small head for each model type.

Every model type asks its question of the same encoded sentence, so texts of different model types share a
pass, and a model costs no more than its head (a few kilobytes).
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Encoding, Tokenizer

from connectors.model_store import ModelStore
from streams.inference.packing import padding_share, passes
from streams.inference.protocol import (
    Classification,
    Item,
    ItemFailure,
    ModelInfo,
    Outcome,
    unknown_model_type,
)

MAX_PASS_TOKENS: Final = 256
"""Tokens in one pass through the encoder, padding included. Its intermediates then stay in the caches: a pass
of 64 tokens costs 9 % more CPU a sentence, one of 1,024 tokens 15 %, one of 2,048 tokens 22 %."""

Floats = npt.NDArray[np.float32]


class OnnxEngine:
    """Classifies with the models of a store; `threads` passes through the encoder run side by side."""

    def __init__(self, store: ModelStore, threads: int) -> None:
        self._session = _session(str(store.encoder_path))
        self._threads = threads
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="encoder")
        self._inputs = frozenset(node.name for node in self._session.get_inputs())
        self._tokenizer = Tokenizer.from_file(str(store.tokenizer_path))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(store.max_tokens)
        self._max_tokens: int = store.max_tokens
        self._heads = _heads(store)
        self._models = {
            name: ModelInfo(model.model_id, model.version, model.labels)
            for name, model in store.models.items()
        }

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        return self._models

    @property
    def max_tokens(self) -> int:
        return self._max_tokens

    def classify(self, items: Sequence[Item]) -> list[Outcome]:
        outcomes: dict[int, Outcome] = {}
        askers: dict[str, list[int]] = {}  # a text that several model types are asked about is encoded once
        for index, item in enumerate(items):
            if item.model_type in self._heads:
                askers.setdefault(item.text, []).append(index)
            else:
                outcomes[index] = unknown_model_type(item.model_type, self._heads)
        started = time.perf_counter()
        encodings = self._tokenizer.encode_batch_fast(list(askers))
        tokenise_ms = _ms_since(started)
        cut = passes([len(encoding) for encoding in encodings], MAX_PASS_TOKENS, self._threads)
        run = self._pool.map if len(cut) > 1 else map  # a lone pass needs no other thread
        vectors = run(lambda rows: self._pass([encodings[row] for row in rows]), cut)
        texts = list(askers.values())
        for rows, encoded in zip(cut, vectors, strict=True):
            for row, vector in zip(rows, encoded.vectors, strict=True):
                for index in texts[row]:
                    head = self._heads[items[index].model_type]
                    outcomes[index] = _outcome(head.scores(vector), encodings[row], encoded, tokenise_ms)
        return [outcomes[index] for index in range(len(items))]

    def _pass(self, encodings: Sequence[Encoding]) -> _Pass:
        started = time.perf_counter()
        vectors = self._encode(encodings)
        padding = padding_share([len(encoding) for encoding in encodings])
        return _Pass(vectors, _ms_since(started), padding)

    def _encode(self, encodings: Sequence[Encoding]) -> Floats:
        """Sentence vectors. What pads a row is masked, so a text's mates don't change its vector."""
        width = max(len(encoding) for encoding in encodings)
        ids = np.zeros((len(encodings), width), dtype=np.int64)
        mask = np.zeros((len(encodings), width), dtype=np.int64)
        for row, encoding in enumerate(encodings):
            ids[row, : len(encoding)] = encoding.ids
            mask[row, : len(encoding)] = 1
        feeds = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feeds["token_type_ids"] = np.zeros_like(ids)
        pooled: Floats = self._session.run(None, feeds)[0]
        return pooled


@dataclass(frozen=True, slots=True)
class _Pass:
    """What came of one pass through the encoder: a vector a text, and what it cost."""

    vectors: Floats  # texts x hidden
    infer_ms: float
    padding_share: float


def _outcome(scores: Floats, encoding: Encoding, encoded: _Pass, tokenise_ms: float) -> Outcome:
    if not np.isfinite(scores).all():
        return ItemFailure("INTERNAL", {"exception": "ScoresNotFinite"})
    return Classification(
        category_id=int(scores.argmax()),
        scores=tuple(scores.tolist()),
        tokens=len(encoding),
        truncated=bool(encoding.overflowing),
        tokenise_ms=tokenise_ms,
        infer_ms=encoded.infer_ms,
        batch_size=len(encoded.vectors),
        padding_share=encoded.padding_share,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    weight: Floats  # labels x hidden
    bias: Floats

    def scores(self, pooled: Floats) -> Floats:
        """Softmax over the labels. One text at a time: BLAS rounds a row differently in a larger product."""
        logits = self.weight @ pooled + self.bias
        powers = np.exp(logits - logits.max())
        scores: Floats = powers / powers.sum()
        return scores


def _heads(store: ModelStore) -> dict[str, _Head]:
    tensors = load_file(str(store.heads_path))
    return {
        name: _Head(tensors[f"{name}.weight"].astype(np.float32), tensors[f"{name}.bias"].astype(np.float32))
        for name in store.models
    }


def _session(path: str) -> onnxruntime.InferenceSession:
    """A session that computes in the thread that calls it; passes run beside one another instead.

    Threads inside a pass would meet after every operator: 13-17 % more CPU a sentence, and the slowest core's
    pace. Their spinning, ONNX Runtime's default, takes 5 % of a core when idle and halves the speed on a
    machine that does something else as well.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
    options.enable_mem_pattern = False  # plans memory for shapes that come again; ours seldom do
    options.enable_cpu_mem_arena = True  # without it every large tensor is mapped and faulted in anew
    return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])


def _ms_since(started: float) -> float:
    return (time.perf_counter() - started) * 1e3
