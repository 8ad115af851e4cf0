"""What this bridge has seen of each model type since it started: counts, and how long answers took."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil

from api.gateway import Gateway, GatewayStatus
from schemas.claims.bearer import Caller
from schemas.errors import Internal, VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult

LAST_ANSWERS = 1_000


@dataclass
class Tally:
    """Of one model type. A request whose caller hung up is neither answered nor failed."""

    answered: int = 0
    failed: Counter[str] = field(default_factory=Counter)  # by code
    latencies_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_ANSWERS))
    infer_ms: deque[float] = field(default_factory=lambda: deque(maxlen=LAST_ANSWERS))


class CountedGateway:
    """A gateway that keeps count of what goes through it."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self.tallies: defaultdict[str, Tally] = defaultdict(Tally)

    async def classify(
        self,
        request: ClassificationRequest,
        caller: Caller,
        *,
        deadline_ms: int,
        traceparent: str | None = None,
    ) -> ClassificationResult:
        """See `Gateway.classify`."""
        tally = self.tallies[request.model_type]
        started = time.perf_counter()
        try:
            result = await self._gateway.classify(
                request, caller, deadline_ms=deadline_ms, traceparent=traceparent
            )
        except VeriAIDPOError as error:
            tally.failed[error.code] += 1
            raise
        except Exception:
            tally.failed[Internal.code] += 1
            raise
        tally.answered += 1
        tally.latencies_ms.append((time.perf_counter() - started) * 1e3)
        tally.infer_ms.append(result.timings.infer_ms)
        return result

    def status(self) -> GatewayStatus:
        """See `Gateway.status`."""
        return self._gateway.status()


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them don't exceed; there must be one."""
    return sorted(values)[max(0, ceil(share * len(values)) - 1)]
