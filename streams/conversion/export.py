"""The checkpoints' encoder in PyTorch: what it answers, and the same graph for ONNX Runtime.

Only this module needs PyTorch and transformers (the extra `torch`).
"""

from __future__ import annotations

import io
import logging
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import torch
from transformers import BertConfig, BertModel

from schemas.errors import ConversionRefused
from streams.conversion.checkpoints import Checkpoints

import_module("onnxscript")  # torch.onnx exports with it: if missing, it is named before the work starts

OPSET = 20  # the first with Gelu as an operator
Floats = npt.NDArray[np.float32]


class TorchEncoder(torch.nn.Module):  # type: ignore[misc]  # torch is untyped here
    """Token ids and mask -> pooled sentence vector, in float32 and without dropout."""

    def __init__(self, checkpoints: Checkpoints) -> None:
        super().__init__()
        config = BertConfig.from_dict(dict(checkpoints.config))
        config._attn_implementation = "eager"  # plain operators: the others export three times the nodes
        self.bert = BertModel(config).float()
        tensors = {name: torch.from_numpy(value) for name, value in checkpoints.encoder.items()}
        missing, unexpected = self.bert.load_state_dict(tensors, strict=False)
        lacking = [name for name in missing if not name.endswith("position_ids")]
        if lacking or unexpected:
            raise ConversionRefused(reason=f"the encoder lacks {lacking} and has {list(unexpected)} besides")
        self.eval()

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        return self.bert(input_ids=input_ids, attention_mask=attention_mask).pooler_output

    def pooled(self, sentences: Sequence[Sequence[int]]) -> Floats:
        """Each sentence's vector, computed alone."""
        with torch.no_grad():
            rows = [
                self(torch.tensor([ids]), torch.ones(1, len(ids), dtype=torch.long))[0].numpy()
                for ids in sentences
            ]
        return np.stack(rows).astype(np.float32)

    def to_onnx(self) -> onnx.ModelProto:
        """The same encoder as an ONNX graph, batch and length free."""
        ids = torch.ones(2, 16, dtype=torch.long)
        mask = torch.ones_like(ids)
        mask[1, 9:] = 0
        free: dict[int, Any] = {0: torch.export.Dim("batch"), 1: torch.export.Dim("tokens")}
        for noisy in ("torch.onnx", "onnx_ir", "onnxscript"):
            logging.getLogger(noisy).setLevel(logging.ERROR)
        program = torch.onnx.export(
            self,
            (ids, mask),
            input_names=["input_ids", "attention_mask"],
            output_names=["pooled"],
            opset_version=OPSET,
            dynamic_shapes={"input_ids": free, "attention_mask": free},
            verbose=False,
        )
        buffer = io.BytesIO()
        program.save(buffer)
        return onnx.load_model_from_string(buffer.getvalue())
