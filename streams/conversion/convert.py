"""`veriaidpo models convert`: checkpoints in, a model store out, or a refusal with the figures."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from tokenizers import Tokenizer

from connectors.model_store import Attempt, ModelStore
from schemas.errors import ConversionRefused
from streams.conversion.checkpoints import Checkpoints, read_checkpoints
from streams.conversion.checks import (
    Agreement,
    Batches,
    Invariance,
    Labels,
    Limits,
    Scores,
    agreement,
    invariance,
)
from streams.conversion.export import TorchEncoder
from streams.conversion.runner import EncoderRunner, Heads, tokenised
from streams.conversion.schemes import Candidate, candidates
from streams.conversion.store_files import Conversion, head_tensors, write_store

EXPORT_TOLERANCE = 1e-4
"""How far the exported graph's sentence vectors (between -1 and 1) may be from PyTorch's."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Verdict:
    candidate: Candidate
    agreement: Agreement
    invariance: Invariance
    passed: bool


def convert(
    checkpoints_folder: Path, out: Path, probe: Sequence[str], limits: Limits | None = None
) -> ModelStore:
    """Convert, and write `out` only if a scheme passes.

    1. read      the checkpoints: one encoder, a head for each model type
    2. answer    the probe sentences in PyTorch and fp32: the labels that count
    3. export    the encoder, and hold its vectors to PyTorch's
    4. try       the schemes, the fastest first, until one passes both checks
    5. write     the files, then the manifest with their digests
    """
    limits = limits or Limits()
    checkpoints = read_checkpoints(checkpoints_folder)  # 1
    sentences = tokenised(Tokenizer.from_buffer(checkpoints.tokenizer), probe, checkpoints.max_tokens)
    heads = Heads(head_tensors(checkpoints), tuple(checkpoints.heads))
    encoder = TorchEncoder(checkpoints)
    exact = encoder.pooled(sentences)  # 2
    labels = {name: rows.argmax(axis=1).tolist() for name, rows in heads.scores(exact).items()}
    fp32 = encoder.to_onnx()  # 3
    alone = [[index] for index in range(len(sentences))]
    moved = float(np.abs(_runner(fp32).pooled(sentences, alone) - exact).max())
    if not moved <= EXPORT_TOLERANCE:
        raise ConversionRefused(reason=f"the exported encoder is {moved:.1e} away from PyTorch's")
    logger.info("The exported encoder is within %.1e of PyTorch's", moved)
    verdicts: list[Verdict] = []
    for candidate in candidates(fp32, sentences):  # 4
        verdicts.append(_judge(candidate, heads, sentences, labels, limits))
        if verdicts[-1].passed:
            return _write(out, checkpoints, probe, labels, verdicts)  # 5
    raise ConversionRefused(reason=_figures(verdicts, limits))


def _judge(
    candidate: Candidate,
    heads: Heads,
    sentences: Sequence[Sequence[int]],
    labels: Labels,
    limits: Limits,
) -> Verdict:
    runner = _runner(candidate.model)

    def score(batches: Batches) -> Scores:
        return heads.scores(runner.pooled(sentences, batches))

    alone = score([[index] for index in range(len(sentences))])
    agrees = agreement(alone, labels)
    varies = invariance(score, [len(ids) for ids in sentences], alone, limits)
    verdict = Verdict(candidate, agrees, varies, agrees.passes(limits) and varies.passes(limits))
    logger.info("%s", _figure(verdict))
    return verdict


def _write(
    out: Path, checkpoints: Checkpoints, probe: Sequence[str], labels: Labels, verdicts: list[Verdict]
) -> ModelStore:
    taken = verdicts[-1]
    return write_store(
        out,
        Conversion(
            checkpoints=checkpoints,
            scheme=taken.candidate.scheme,
            encoder=taken.candidate.model.SerializeToString(),
            fp32_kept=taken.candidate.fp32_kept,
            probe=probe,
            fp32_labels=labels,
            agreement=taken.agreement,
            invariance=taken.invariance,
            tried=tuple(_attempt(verdict) for verdict in verdicts),
        ),
    )


def _attempt(verdict: Verdict) -> Attempt:
    return Attempt(
        scheme=verdict.candidate.scheme,
        fp32_kept=len(verdict.candidate.fp32_kept),
        agreement=round(verdict.agreement.overall, 5),
        lowest_agreement=round(verdict.agreement.lowest, 5),
        labels_changed=verdict.invariance.labels_changed,
        passed=verdict.passed,
    )


def _figures(verdicts: Iterable[Verdict], limits: Limits) -> str:
    figures = "; ".join(_figure(verdict) for verdict in verdicts)
    return (
        f"no scheme keeps {limits.agreement:.0%} of fp32's labels, {limits.lowest_agreement:.0%} for each "
        f"model type, whatever the batch: {figures}"
    )


def _figure(verdict: Verdict) -> str:
    agrees, varies = verdict.agreement, verdict.invariance
    worst = min(agrees.by_model, key=lambda name: agrees.by_model[name])
    return (
        f"{verdict.candidate.scheme} ({len(verdict.candidate.fp32_kept)} products in fp32): "
        f"{agrees.overall:.2%} agree, {agrees.lowest:.2%} for {worst}, "
        f"{varies.labels_changed} of {varies.comparisons} labels change with the batch, "
        f"scores by at most {varies.largest_move:.1e}"
    )


def _runner(model: onnx.ModelProto) -> EncoderRunner:
    return EncoderRunner(model.SerializeToString())
