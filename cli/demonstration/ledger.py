"""What became of every record that was sent, read back from the topics.

A record that is neither a result on `veriaidpo.results` nor a dead letter is lost: the books must close.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from statistics import median, quantiles

from schemas.events import ClassificationResult


@dataclass(frozen=True)
class Place:
    """Where a record stands on Kafka."""

    topic: str
    partition: int
    offset: int


@dataclass(frozen=True)
class Sent:
    """A record as it went out: `value` is compared with the dead letter's bytes."""

    request_id: str
    value: bytes
    sent_at_s: float
    malformed: str | None


@dataclass
class Ledger:
    """Open a line for each record sent, close it with a result or a dead letter."""

    sent: dict[Place, Sent] = field(default_factory=dict)
    results: dict[str, tuple[ClassificationResult, float]] = field(default_factory=dict)
    dead: dict[Place, str] = field(default_factory=dict)
    altered: set[Place] = field(default_factory=set)

    def record_result(self, result: ClassificationResult, at_s: float) -> None:
        """The first answer to a result stays, as it does for every consumer."""
        self.results.setdefault(result.request_id, (result, at_s))

    def record_dead_letter(self, place: Place, code: str, value: bytes) -> None:
        self.dead[place] = code
        if place in self.sent and self.sent[place].value != value:
            self.altered.add(place)

    @property
    def lost(self) -> list[Place]:
        """Records sent that ended nowhere."""
        return [place for place, sent in self.sent.items() if not self._closed(place, sent)]

    @property
    def misjudged(self) -> list[Place]:
        """Malformed records that were answered, or good ones that were only dead-lettered."""
        return [
            place
            for place, sent in self.sent.items()
            if (place in self.dead) != (sent.malformed is not None) and self._closed(place, sent)
        ]

    @property
    def failed_by_code(self) -> Counter[str]:
        return Counter(code for place, code in self.dead.items() if place in self.sent)

    @property
    def answered(self) -> list[tuple[Sent, ClassificationResult, float]]:
        """Each answered record with its result and its seconds from publish to result."""
        return [(sent, *self._answer(sent)) for sent in self.sent.values() if sent.request_id in self.results]

    def latency_ms(self) -> tuple[float, float]:
        """Median and 99th percentile from publish to result, in milliseconds."""
        each = [seconds * 1000 for _, _, seconds in self.answered]
        return (median(each), quantiles(each, n=100)[98]) if len(each) > 1 else (0.0, 0.0)

    def rate(self) -> float:
        """Answers a second, from the first publish to the last result."""
        if not self.answered:
            return 0.0
        start = min(sent.sent_at_s for sent, _, _ in self.answered)
        end = max(sent.sent_at_s + seconds for sent, _, seconds in self.answered)
        return len(self.answered) / (end - start)

    def _answer(self, sent: Sent) -> tuple[ClassificationResult, float]:
        result, at_s = self.results[sent.request_id]
        return result, at_s - sent.sent_at_s

    def _closed(self, place: Place, sent: Sent) -> bool:
        return place in self.dead or sent.request_id in self.results
