"""Run the benchmarks one after another, each on a broker of its own; print and keep each figure.

python -m bench [--only NAME]

The exit code is 1 where a figure misses its target, so that a pipeline can hold them.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import uvloop
from rich.console import Console
from rich.table import Table

from bench import bridge_latency, constant_model, end_to_end, idle_memory, normaliser, sink_rate
from bench.figure import Figure, write
from bench.rig import Rig

Benchmark = Callable[[Rig], Awaitable[list[Figure]]]

# A benchmark gives the figures under whose names it stands.
BENCHMARKS: Mapping[tuple[str, ...], Benchmark] = {
    ("idle_rss_bridge_mb", "idle_rss_worker_mb"): idle_memory.measure,
    ("end_to_end_share",): end_to_end.measure,
    ("constant_model_rate",): constant_model.measure,
    ("sink_rate", "sink_vs_copy_ratio"): sink_rate.measure,
    ("bridge_over_engine_p50_ms", "bridge_over_engine_p99_ms"): bridge_latency.measure,
}

# These need no broker.
OFFLINE: Mapping[tuple[str, ...], Callable[[], list[Figure]]] = {
    (
        "normaliser_company_precision",
        "normaliser_company_recall",
        "normaliser_person_f1",
        "normaliser_address_f1",
        "normaliser_rate",
    ): normaliser.measure,
}


def main() -> int:
    """Measure what was asked for; 0 where every figure holds."""
    names = [name for group in (*BENCHMARKS, *OFFLINE) for name in group]
    parser = argparse.ArgumentParser(prog="python -m bench")
    parser.add_argument("--only", choices=names, help="the one figure to measure (and those of the same run)")
    only = parser.parse_args().only
    chosen = [run for group, run in BENCHMARKS.items() if only is None or only in group]
    uvloop.install()  # the less a caller costs, the more of a latency is the service's
    figures = asyncio.run(_measure(chosen))
    for group, measure in OFFLINE.items():
        if only is None or only in group:
            figures += measure()
    write(figures)
    Console().print(_table(figures))
    return 0 if all(figure.holds for figure in figures) else 1


async def _measure(chosen: list[Benchmark]) -> list[Figure]:
    figures: list[Figure] = []
    for benchmark in chosen:
        with tempfile.TemporaryDirectory(prefix="veriaidpo-bench-") as folder:
            async with Rig(Path(folder)) as rig:
                figures += await benchmark(rig)
    return figures


def _table(figures: list[Figure]) -> Table:
    table = Table("figure", "value", "unit", "target", "holds", "measured against")
    for figure in figures:
        bound = "at least" if figure.better == "higher" else "at most"
        holds = "yes" if figure.holds else "NO"
        table.add_row(
            figure.name, f"{figure.value:.3f}", figure.unit, f"{bound} {figure.target:g}", holds, figure.peer
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
