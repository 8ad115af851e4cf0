"""Ways to compute the encoder, from the fastest on. The converter takes the first that passes its checks.

stock-dynamic-int8   ONNX Runtime's own: one activation scale a batch, so labels depend on batch mates;
                     tried so that the refusal is measured, not believed
row-int8             a scale a row, everywhere
row-int8-mixed       the same, but the products whose rounding moves the answers most stay fp32
fp32                 as exported
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from streams.conversion.compact import compacted
from streams.conversion.rowquant import Product, products, row_quantised
from streams.conversion.runner import EncoderRunner, sorted_batches

SAMPLE = 32
"""Sentences on which a product's damage is measured: it ranks them, the checks decide."""
DAMAGE_LEFT = (0.2, 0.12, 0.06, 0.03)
"""Shares of the whole damage that `row-int8-mixed` may leave in, one attempt after the other."""
BATCH = 16

Floats = npt.NDArray[np.float32]
logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An encoder computed by `scheme`; `fp32_kept` names the layers that weren't quantised."""

    scheme: str
    model: onnx.ModelProto
    fp32_kept: tuple[str, ...] = ()


def candidates(fp32: onnx.ModelProto, sentences: Sequence[Sequence[int]]) -> Iterator[Candidate]:
    """Each made only when it is asked for: measuring the damage takes minutes."""
    yield Candidate("stock-dynamic-int8", stock_dynamic(fp32))
    yield Candidate("row-int8", compacted(row_quantised(fp32)))
    found = products(fp32)
    sample = sentences[:: max(1, len(sentences) // SAMPLE)]
    damage = measured_damage(fp32, found, sample)
    for left in DAMAGE_LEFT:
        kept = most_damaging(found, damage, left)
        yield Candidate("row-int8-mixed", compacted(row_quantised(fp32, set(kept))), kept)
    yield Candidate("fp32", compacted(fp32))


def stock_dynamic(fp32: onnx.ModelProto) -> onnx.ModelProto:
    """ONNX Runtime's dynamic int8, at its best: a scale for each column of weights."""
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder) / "fp32.onnx", Path(folder) / "int8.onnx"
        onnx.save(fp32, source)
        with _without_notes():
            quantize_dynamic(source, target, weight_type=QuantType.QInt8, per_channel=True)
        return onnx.load(target)


def measured_damage(
    fp32: onnx.ModelProto, found: Sequence[Product], sample: Sequence[Sequence[int]]
) -> dict[str, float]:
    """Mean square move of the sentence vector when this product alone is quantised, by its name."""
    names = [product.name for product in found]
    batches = sorted_batches(sample, BATCH)
    exact = _vectors(fp32, sample, batches)
    damage = {}
    for number, name in enumerate(names, 1):
        alone = row_quantised(fp32, set(names) - {name})
        damage[name] = float(np.square(_vectors(alone, sample, batches) - exact).mean())
        logger.info("Product %d of %d: damage %.2e", number, len(names), damage[name])
    return damage


def most_damaging(found: Sequence[Product], damage: Mapping[str, float], left: float) -> tuple[str, ...]:
    """Products to keep in fp32 so that about this share of the damage is left, the cheapest way.

    Damages of single products add up well (their rounding is independent), and a product costs what its
    weights number: so those go first that do the most damage for their size.
    """
    by_price: Callable[[Product], float] = lambda product: -damage[product.name] / product.weight.size  # noqa: E731
    remaining, target = sum(damage.values()), left * sum(damage.values())
    kept = []
    for product in sorted(found, key=by_price):
        if remaining <= target:
            break
        kept.append(product.name)
        remaining -= damage[product.name]
    return tuple(kept)


@contextmanager
def _without_notes() -> Iterator[None]:
    """ONNX Runtime's quantiser notes every tensor on the root logger."""
    before = logging.root.manager.disable
    logging.disable(logging.INFO)
    try:
        yield
    finally:
        logging.disable(before)


def _vectors(
    model: onnx.ModelProto, sample: Sequence[Sequence[int]], batches: Sequence[Sequence[int]]
) -> Floats:
    return EncoderRunner(model.SerializeToString()).pooled(sample, batches)
