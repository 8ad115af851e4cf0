"""The worker's handler: what becomes of each record of a batch."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import msgspec

from schemas.errors import Internal, Unavailable, VeriAIDPOError
from streams.classification.admission import Admission, Admitted, Refused
from streams.classification.answers import Answers, unclassified
from streams.delivery.dead_letters import dead_letter
from streams.delivery.records import Done, Outcome, Record, Wait
from streams.delivery.wall_clock import now_ms
from streams.inference.protocol import Classification, Item, ModelInfo
from streams.normalisation import NormalisedText

log = logging.getLogger(__name__)

Answer: TypeAlias = Classification | VeriAIDPOError


class Inference(Protocol):
    """The models, wherever they run."""

    @property
    def models(self) -> Mapping[str, ModelInfo]: ...

    async def classify(self, items: Sequence[Item]) -> Sequence[Answer]:
        """An answer for each item, in order. What it raises is unexpected, and ends the process."""


class Normalise(Protocol):
    def __call__(self, text: str) -> NormalisedText: ...


class _Ready(msgspec.Struct, frozen=True):
    """A record that goes to the models."""

    place: int
    admitted: Admitted
    normalised: NormalisedText


class Pipeline:
    """admit -> normalise -> infer -> answer, a batch at a time.

    Whatever one record's own bytes set off is caught for that record: it is dead-lettered as INTERNAL, and
    the others of its batch go on. What the models' link raises isn't caught: nobody knows what it has done.
    """

    def __init__(
        self,
        *,
        admission: Admission,
        normalise: Normalise,
        inference: Inference,
        answers: Answers,
        clock_ms: Callable[[], float] = now_ms,
    ) -> None:
        self._admission = admission
        self._normalise = normalise
        self._inference = inference
        self._answers = answers
        self._clock_ms = clock_ms
        self.internal_errors = 0
        """Records that an unexpected exception of ours dead-lettered."""

    async def __call__(self, batch: Sequence[Record]) -> Sequence[Outcome]:
        """See `streams.delivery.records.Handler`."""
        outcomes: list[Outcome | None] = [None] * len(batch)
        ready = [one for place, record in enumerate(batch) if (one := self._prepare(place, record, outcomes))]
        if ready:
            sent_at_ms = self._clock_ms()
            answers = await self._inference.classify(
                [Item(one.admitted.request.model_type, one.normalised.text) for one in ready]
            )
            now_ms = self._clock_ms()
            for one, answer in zip(ready, answers, strict=True):
                outcomes[one.place] = self._conclude(one, answer, sent_at_ms, now_ms)
        return [outcome for outcome in outcomes if outcome is not None]

    def _prepare(self, place: int, record: Record, outcomes: list[Outcome | None]) -> _Ready | None:
        """Ready for the models, or its outcome is already in place."""
        try:
            admitted = self._admission.admit(record)
            if isinstance(admitted, Admitted):
                return _Ready(place, admitted, self._normalise(admitted.request.text))
            outcomes[place] = self._answers.failure(admitted, now_ms=self._clock_ms())
        except Unavailable as error:
            outcomes[place] = Wait(error)
        except Exception as error:
            outcomes[place] = self._internal(record, error)
        return None

    def _conclude(self, one: _Ready, answer: Answer, sent_at_ms: float, now_ms: float) -> Outcome:
        record = one.admitted.record
        try:
            if isinstance(answer, Classification):
                return self._answers.result(
                    one.admitted,
                    one.normalised,
                    answer,
                    self._inference.models[one.admitted.request.model_type],
                    sent_at_ms=sent_at_ms,
                    now_ms=now_ms,
                )
            if answer.retriable and one.admitted.headers.deadline_ms is None:
                return Wait(answer)  # nobody waits for it by the second: better late than never
            refused = unclassified(answer, one.admitted)
            trace = one.admitted.headers.traceparent
            return self._answers.failure(refused, now_ms=now_ms, traceparent=trace)
        except Exception as error:
            return self._internal(record, error)

    def _internal(self, record: Record, error: Exception) -> Done:
        self.internal_errors += 1
        # The class alone: a traceback's last line may quote the record.
        log.error("%r is dead-lettered as INTERNAL: %s", record, type(error).__name__)
        failure = Internal(exception=type(error).__name__)
        try:
            refused: Refused = self._admission.refuse(record, failure)
            return self._answers.failure(refused, now_ms=self._clock_ms())
        except Exception as second:
            log.error("%r gets no reply about it: %s", record, type(second).__name__)
            return Done((dead_letter(record, failure),))
