"""Records a second through one worker whose models are a constant: what everything but the models can do.

The constant engine stands in the inference child, behind the same protocol: claims, Avro, normalisation, the
pipe and the confirmed produces are all there.
"""

from __future__ import annotations

from bench.figure import Figure
from bench.rig import Rig, sentences

RECORDS = 40_000
TIMEOUT_S = 120.0
TARGET = 4_000.0
MODEL_TYPE = "principles"
WARM_UP_SHARE = 0.1


async def measure(rig: Rig) -> list[Figure]:
    """A backlog is there before the worker starts; the rate is read off its results' own timestamps."""
    texts = sentences()
    records = rig.sign([(MODEL_TYPE, texts[index % len(texts)]) for index in range(RECORDS)])
    await rig.produce(records)
    await rig.stack.start_worker("--models", MODEL_TYPE, "--engine", "constant")
    await rig.stack.until_worker_is_ready()
    results = await rig.results(RECORDS, TIMEOUT_S)
    times_ms = sorted(result.timestamp for result in results)[int(RECORDS * WARM_UP_SHARE) :]
    rate = (len(times_ms) - 1) / (times_ms[-1] - times_ms[0]) * 1000
    return [
        Figure(
            name="constant_model_rate",
            value=rate,
            unit="records/s",
            target=TARGET,
            better="higher",
            peer="none; one model type, one worker, broker on the same two cores",
        )
    ]
