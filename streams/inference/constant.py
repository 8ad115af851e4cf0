"""An engine that computes nothing: what the way to the child and back costs, without a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from schemas.taxonomy import MODEL_TYPES
from streams.inference.packing import estimated_tokens
from streams.inference.protocol import Classification, Item, ModelInfo, Outcome, unknown_model_type


class ConstantEngine:
    """Answers every text with its model type's first label, as sure as `CONFIDENCE`.

    It stands where the real one stands, inside the child, so a measurement with it bypasses nothing.
    """

    CONFIDENCE = 0.9

    def __init__(self) -> None:
        self._scores = {
            name: self._fixed_scores(len(model_type.labels)) for name, model_type in MODEL_TYPES.items()
        }

    @property
    def models(self) -> Mapping[str, ModelInfo]:
        return {
            name: ModelInfo(f"constant-{name}", "constant", model_type.label_names)
            for name, model_type in MODEL_TYPES.items()
        }

    @property
    def max_tokens(self) -> int:
        return 512

    def classify(self, items: Sequence[Item]) -> list[Outcome]:
        return [self._outcome(item, len(items)) for item in items]

    def _outcome(self, item: Item, batch_size: int) -> Outcome:
        scores = self._scores.get(item.model_type)
        if scores is None:
            return unknown_model_type(item.model_type, self._scores)
        return Classification(
            category_id=0,
            scores=scores,
            tokens=estimated_tokens(item.text, self.max_tokens),
            truncated=False,
            tokenise_ms=0.0,
            infer_ms=0.0,
            batch_size=batch_size,
            padding_share=0.0,
        )

    def _fixed_scores(self, labels: int) -> tuple[float, ...]:
        rest = (1 - self.CONFIDENCE) / (labels - 1)
        return (self.CONFIDENCE, *[rest] * (labels - 1))
