"""What a classification, or its failure, becomes on Kafka."""

from __future__ import annotations

from datetime import datetime

from schemas.claims import EventClaims
from schemas.codec import Codec
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationResult, Score, Timings
from schemas.failures import failure_of
from schemas.headers import COMPLETED, FAILED, event_headers, reply_headers
from schemas.identity import result_id
from schemas.taxonomy import MODEL_TYPES
from schemas.topics import REQUEST_PREFIX, RESULTS
from streams.classification.admission import Admitted, Refused
from streams.delivery.dead_letters import dead_letter
from streams.delivery.records import Done, Output, OutputKind
from streams.delivery.wall_clock import utc_from_ms
from streams.inference.protocol import Classification, ModelInfo
from streams.normalisation import NormalisedText

SOURCE = "/veriaidpo/worker"


class Answers:
    """Builds a record's outputs; `worker_id` tells a trace which worker answered."""

    def __init__(self, *, codec: Codec, worker_id: str) -> None:
        self._codec = codec
        self._source = f"{SOURCE}/{worker_id}"

    def result(
        self,
        admitted: Admitted,
        normalised: NormalisedText,
        found: Classification,
        model: ModelInfo,
        *,
        sent_at_ms: float,
        now_ms: float,
    ) -> Done:
        """The result for `veriaidpo.results`, and the same value for whoever asked."""
        record, request, claims = admitted.record, admitted.request, admitted.claims
        labels = MODEL_TYPES[request.model_type].labels
        result = ClassificationResult(
            result_id=result_id(
                issuer=claims.issuer,
                tenant_id=claims.tenant_id,
                request_id=request.request_id,
                model_type=request.model_type,
                digest=claims.digest,
            ),
            request_id=request.request_id,
            tenant_id=request.tenant_id,
            model_type=request.model_type,
            language=request.language,
            prediction=labels[found.category_id].name,
            category_id=found.category_id,
            confidence=found.scores[found.category_id],
            scores=tuple(
                [
                    Score(label.category_id, label.name, score)
                    for label, score in zip(labels, found.scores, strict=True)
                ]
            ),
            model_id=model.model_id,
            model_version=model.version,
            normalized_text=normalised.text,
            detected_companies=normalised.companies,
            tokens=found.tokens,
            truncated=found.truncated,
            timings=Timings(
                queue_ms=max(0.0, sent_at_ms - record.timestamp_ms),
                tokenise_ms=found.tokenise_ms,
                infer_ms=found.infer_ms,
                total_ms=max(0.0, now_ms - record.timestamp_ms),
                batch_size=found.batch_size,
                padding_share=found.padding_share,
            ),
            requested_at_ms=record.timestamp_ms,
            completed_at_ms=int(now_ms),
        )
        value = self._codec.encode(result)
        now = utc_from_ms(now_ms)
        trace = admitted.headers.traceparent
        headers = event_headers(
            event_type=COMPLETED,
            source=self._source,
            event_id=result.result_id,
            now=now,
            traceparent=trace,
        )
        output = Output(OutputKind.RESULT, RESULTS, request.request_id.encode(), value, headers)
        return Done((output,), self._reply(claims, value, COMPLETED, result.result_id, now, trace))

    def failure(self, refused: Refused, *, now_ms: float, traceparent: str | None = None) -> Done:
        """The dead letter, and a typed failure for whoever signed where to send it."""
        record, claims = refused.record, refused.claims
        letter = dead_letter(record, refused.error)
        if claims is None:
            return Done((letter,))
        failure = failure_of(
            refused.error,
            request_id=claims.request_id,
            tenant_id=claims.tenant_id,
            model_type=record.topic.removeprefix(REQUEST_PREFIX),
            now_ms=int(now_ms),
        )
        event_id = f"{claims.request_id}/{refused.error.code}"
        now = utc_from_ms(now_ms)
        value = self._codec.encode(failure)
        return Done((letter,), self._reply(claims, value, FAILED, event_id, now, traceparent))

    def _reply(
        self,
        claims: EventClaims,
        value: bytes,
        event_type: str,
        event_id: str,
        now: datetime,
        traceparent: str | None,
    ) -> Output | None:
        if claims.reply is None:
            return None
        headers = reply_headers(
            reply=claims.reply,
            event_type=event_type,
            source=self._source,
            event_id=event_id,
            now=now,
            traceparent=traceparent,
        )
        address = claims.reply
        return Output(
            OutputKind.REPLY, address.topic, address.correlation_id, value, headers, address.partition
        )


def unclassified(error: VeriAIDPOError, admitted: Admitted) -> Refused:
    """An admitted record that the models gave no answer for."""
    return Refused(admitted.record, error, admitted.claims)
