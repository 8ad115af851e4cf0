"""A model store in miniature: an encoder of a few kilobytes with all that the engine needs around it.

It looks up an embedding for each token, masks, and takes the mean, so its answers can be computed by hand.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper
from safetensors.numpy import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors

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
    file_digest,
    model_version,
)
from schemas.taxonomy import MODEL_TYPES

HIDDEN = 16
MAX_TOKENS = 12
SPECIAL = ("<s>", "<pad>", "</s>", "<unk>")
WORDS = ("khách", "hàng", "yêu", "cầu", "xóa", "dữ", "liệu", "cá", "nhân", "rò", "rỉ", "[COMPANY]")
VOCABULARY = {piece: index for index, piece in enumerate((*SPECIAL, *WORDS))}


def tiny_store(folder: Path, *, wild: bool = False) -> ModelStore:
    """Write the store's files and open it. `wild`: the weights are no numbers, as damage might leave them."""
    folder.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(7)
    embeddings = random.normal(size=(len(VOCABULARY), HIDDEN)).astype(np.float32)
    if wild:
        embeddings[:] = np.nan
    onnx.save(_encoder(embeddings), str(folder / "encoder.onnx"))
    _tokenizer().save(str(folder / "tokenizer.json"))
    heads: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
    for name, model_type in MODEL_TYPES.items():
        labels = len(model_type.labels)
        heads[f"{name}.weight"] = random.normal(size=(labels, HIDDEN)).astype(np.float32)
        heads[f"{name}.bias"] = random.normal(size=labels).astype(np.float32)
    save_file(heads, folder / "heads.safetensors")
    (folder / MANIFEST).write_text(_manifest(folder).model_dump_json())
    return ModelStore(folder)


def _encoder(embeddings: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> onnx.ModelProto:
    nodes = [
        helper.make_node("Gather", ["embeddings", "input_ids"], ["embedded"]),
        helper.make_node("Cast", ["attention_mask"], ["mask"], to=TensorProto.FLOAT),
        helper.make_node("Unsqueeze", ["mask", "last"], ["mask3"]),
        helper.make_node("Mul", ["embedded", "mask3"], ["masked"]),
        helper.make_node("ReduceSum", ["masked", "middle"], ["sum"], keepdims=0),
        helper.make_node("ReduceSum", ["mask", "middle"], ["count"], keepdims=1),
        helper.make_node("Div", ["sum", "count"], ["pooled"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [
            helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
            helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"]),
        ],
        [helper.make_tensor_value_info("pooled", TensorProto.FLOAT, ["batch", HIDDEN])],
        [
            numpy_helper.from_array(embeddings, "embeddings"),
            numpy_helper.from_array(np.array([2], np.int64), "last"),
            numpy_helper.from_array(np.array([1], np.int64), "middle"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
    model.ir_version = 10
    return model


def _tokenizer() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel(VOCABULARY, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A </s>", special_tokens=[("<s>", VOCABULARY["<s>"]), ("</s>", VOCABULARY["</s>"])]
    )
    return tokenizer


def _file(folder: Path, name: str) -> StoredFile:
    path = folder / name
    return StoredFile(file=name, sha256=file_digest(path), bytes=path.stat().st_size)


def _manifest(folder: Path) -> Manifest:
    """A manifest that `verify` accepts; what a conversion would have measured is made up."""
    nothing = digest_of(b"")
    (folder / "fp32_labels.json").write_text("{}")
    encoder = Encoder(
        **_file(folder, "encoder.onnx").model_dump(), scheme="fp32", fp32_kept=(), max_tokens=MAX_TOKENS
    )
    tokenizer = _file(folder, "tokenizer.json")
    return Manifest(
        format=1,
        encoder=encoder,
        heads=_file(folder, "heads.safetensors"),
        tokenizer=tokenizer,
        models={
            name: Head(
                id=f"tiny-{name}",
                version=model_version(encoder, nothing, tokenizer, model_type.label_names),
                labels=model_type.label_names,
                head_sha256=nothing,
                source_digest=nothing,
                agreement=1.0,
            )
            for name, model_type in MODEL_TYPES.items()
        },
        probe=Probe(
            sentences=0,
            sentences_sha256=nothing,
            comparisons=0,
            agreement=1.0,
            lowest_agreement=1.0,
            batches=BatchCheck(comparisons=0, labels_changed=0, near_ties=0, largest_score_move=0.0),
            fp32_labels=_file(folder, "fp32_labels.json"),
        ),
        tried=(),
    )
