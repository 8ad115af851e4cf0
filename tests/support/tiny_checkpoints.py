"""Checkpoints as Hugging Face writes them, over one encoder, small enough to make in a test."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from schemas.taxonomy import MODEL_TYPES

HIDDEN, INNER, LAYERS, POSITIONS = 32, 64, 2, 64
WORDS = ["dữ", "liệu", "cá", "nhân", "đồng", "ý", "khách", "hàng", "lưu", "xóa", "chuyển", "[COMPANY]"]
SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]

Floats = npt.NDArray[np.float32]
Head = tuple[Floats, Floats]


def sentences(count: int) -> list[str]:
    rng = np.random.default_rng(5)
    return [" ".join(rng.choice(WORDS, size=rng.integers(2, 12))) for _ in range(count)]


def random_head(model_type: str, seed: int) -> Head:
    rng = np.random.default_rng(seed)
    outputs = len(MODEL_TYPES[model_type].labels)
    return rng.normal(size=(outputs, HIDDEN)).astype(np.float32), np.zeros(outputs, np.float32)


def write_checkpoints(folder: Path, heads: Mapping[str, Head]) -> Path:
    """`encoder.safetensors` beside a folder for each model type, whose index names it as `../`."""
    folder.mkdir(parents=True, exist_ok=True)
    encoder = _encoder()
    save_file(encoder, folder / "encoder.safetensors")
    for name, (weight, bias) in heads.items():
        own = folder / name
        own.mkdir()
        save_file({"classifier.weight": weight, "classifier.bias": bias}, own / "head.safetensors")
        (own / "config.json").write_text(json.dumps(_config(name)), encoding="utf-8")
        _tokenizer().save(str(own / "tokenizer.json"))
        files = dict.fromkeys(encoder, "../encoder.safetensors")
        files |= dict.fromkeys(["classifier.weight", "classifier.bias"], "head.safetensors")
        write_index(own, files)
    return folder


def write_index(folder: Path, files: Mapping[str, str]) -> None:
    index = {"metadata": {}, "weight_map": dict(files)}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")


def _encoder() -> dict[str, Floats]:
    rng = np.random.default_rng(1)

    def matrix(rows: int, columns: int) -> Floats:
        scaled: Floats = (rng.normal(size=(rows, columns)) / np.sqrt(columns)).astype(np.float32)
        return scaled

    def layer(prefix: str, rows: int, columns: int) -> dict[str, Floats]:
        return {f"{prefix}.weight": matrix(rows, columns), f"{prefix}.bias": matrix(1, rows)[0]}

    def norm(prefix: str) -> dict[str, Floats]:
        return {
            f"{prefix}.weight": np.ones(HIDDEN, np.float32),
            f"{prefix}.bias": np.zeros(HIDDEN, np.float32),
        }

    tensors = {
        "bert.embeddings.word_embeddings.weight": 5 * matrix(len(SPECIAL) + len(WORDS), HIDDEN),
        "bert.embeddings.position_embeddings.weight": matrix(POSITIONS, HIDDEN),
        "bert.embeddings.token_type_embeddings.weight": matrix(2, HIDDEN),
        **norm("bert.embeddings.LayerNorm"),
        **layer("bert.pooler.dense", HIDDEN, HIDDEN),
    }
    for number in range(LAYERS):
        prefix = f"bert.encoder.layer.{number}"
        for part in ("query", "key", "value"):
            tensors |= layer(f"{prefix}.attention.self.{part}", HIDDEN, HIDDEN)
        tensors |= layer(f"{prefix}.attention.output.dense", HIDDEN, HIDDEN)
        tensors |= norm(f"{prefix}.attention.output.LayerNorm")
        tensors |= layer(f"{prefix}.intermediate.dense", INNER, HIDDEN)
        tensors |= layer(f"{prefix}.output.dense", HIDDEN, INNER)
        tensors |= norm(f"{prefix}.output.LayerNorm")
    return tensors


def _config(model_type: str) -> dict[str, object]:
    labels = MODEL_TYPES[model_type].labels
    return {
        "architectures": ["BertForSequenceClassification"],
        "model_type": "bert",
        "hidden_size": HIDDEN,
        "intermediate_size": INNER,
        "num_hidden_layers": LAYERS,
        "num_attention_heads": 4,
        "max_position_embeddings": POSITIONS,
        "vocab_size": len(SPECIAL) + len(WORDS),
        "type_vocab_size": 2,
        "pad_token_id": 1,
        "hidden_act": "gelu",
        "id2label": {str(label.category_id): label.name for label in labels},
    }


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(
        models.WordLevel({word: number for number, word in enumerate(SPECIAL + WORDS)}, unk_token="<unk>")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", 0), ("</s>", 2)]
    )
    return tokenizer
