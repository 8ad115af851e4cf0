"""A gateway without Kafka: a bench for the routes, held to tests/contract/test_gateway_contract.py."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from api.gateway import GatewayStatus, Slots
from api.presence import Serving
from api.waiting import Waiting, answer_or_refusal
from schemas.claims.bearer import Caller
from schemas.errors import KafkaUnavailable, NoWorker, VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult, Score, Timings
from schemas.taxonomy import MODEL_TYPES

FAKE_VERSION = "sha256:" + "0" * 64
Answer = Callable[[ClassificationRequest], ClassificationResult]


class FakeGateway:
    """Answers at once with the first label, unless told to hold, to fail, or that a part is missing."""

    def __init__(self, *, max_in_flight: int = 16, serves: tuple[str, ...] = tuple(MODEL_TYPES)) -> None:
        self.asked: list[tuple[ClassificationRequest, Caller]] = []
        self.traceparents: list[str | None] = []
        self.answer: Answer = first_label
        self._slots = Slots(max_in_flight)
        self._waiting = Waiting()
        self._serves = set(serves)
        self._unloaded: set[str] = set()
        self._kafka_is_up = True
        self._open = asyncio.Event()
        self._open.set()

    @property
    def in_flight(self) -> int:
        return self._slots.taken

    async def classify(
        self,
        request: ClassificationRequest,
        caller: Caller,
        *,
        deadline_ms: int,
        traceparent: str | None = None,
    ) -> ClassificationResult:
        if (error := self._why_hopeless(request.model_type)) is not None:
            raise error
        with self._slots.take(), self._waiting.one(request.model_type) as refusal:
            self.asked.append((request, caller))
            self.traceparents.append(traceparent)
            return await answer_or_refusal(
                self._answered(request), refusal, timeout_s=deadline_ms / 1e3 - time.time()
            )

    def status(self) -> GatewayStatus:
        served = self._serves if self._kafka_is_up else set()
        return GatewayStatus(
            kafka="up" if self._kafka_is_up else "down",
            reason=None if self._kafka_is_up else "out of order",
            reason_vi=None if self._kafka_is_up else "đang hỏng",
            serving=tuple(
                Serving("worker-1", name, True, *self._model(name), expires_at_s=float("inf"))
                for name in MODEL_TYPES
                if name in served
            ),
        )

    def unload(self, model_type: str) -> None:
        """Its worker stays ready, and hasn't loaded the model yet."""
        self._unloaded.add(model_type)

    def hold(self) -> None:
        """Answer nobody until `let_go`."""
        self._open.clear()

    def let_go(self) -> None:
        self._open.set()

    def lose_workers(self, *model_types: str) -> None:
        self._serves -= set(model_types or MODEL_TYPES)
        self._waiting.refuse(self._why_hopeless)

    def return_workers(self) -> None:
        self._serves = set(MODEL_TYPES)

    def lose_kafka(self) -> None:
        self._kafka_is_up = False
        self._waiting.refuse(self._why_hopeless)

    def return_kafka(self) -> None:
        self._kafka_is_up = True

    async def _answered(self, request: ClassificationRequest) -> ClassificationResult:
        await self._open.wait()
        return self.answer(request)

    def _model(self, model_type: str) -> tuple[str, str]:
        return ("", "") if model_type in self._unloaded else ("fake", FAKE_VERSION)

    def _why_hopeless(self, model_type: str) -> VeriAIDPOError | None:
        if not self._kafka_is_up:
            return KafkaUnavailable(reason="out of order")
        return None if model_type in self._serves else NoWorker(model_type=model_type)


def first_label(request: ClassificationRequest) -> ClassificationResult:
    """A result whose normalised text stands for what a worker would make of "Vietcombank"."""
    labels = MODEL_TYPES[request.model_type].labels
    normalized = request.text.replace("Vietcombank", "[COMPANY]")
    share = 1 / len(labels)
    now_ms = int(time.time() * 1e3)
    return ClassificationResult(
        result_id="00000000-0000-5000-8000-000000000000",
        request_id=request.request_id,
        tenant_id=request.tenant_id,
        model_type=request.model_type,
        language=request.language,
        prediction=labels[0].name,
        category_id=labels[0].category_id,
        confidence=share,
        scores=tuple(Score(label.category_id, label.name, share) for label in labels),
        model_id="fake",
        model_version=FAKE_VERSION,
        normalized_text=normalized,
        detected_companies=("Vietcombank",) if normalized != request.text else (),
        tokens=8,
        truncated=False,
        timings=Timings(0.1, 0.2, 3.0, 3.4, 1, 0.0),
        requested_at_ms=now_ms,
        completed_at_ms=now_ms,
    )
