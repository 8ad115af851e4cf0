"""Counters and histograms that take a batch's values at once, and their form in a scrape.

The event loop writes them and a scrape's thread reads them, without a lock: what is read is copied in one
step first. A scrape may miss part of the batch that is being written; the next one has it.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import TypeAlias

from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

from streams.metrics.table import Metric

Labels: TypeAlias = tuple[str, ...]


def counter(metric: Metric, values: Mapping[Labels, float]) -> CounterMetricFamily:
    """A counter's values, by label values."""
    family = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


def gauge(metric: Metric, values: Mapping[Labels, float]) -> GaugeMetricFamily:
    """A gauge's values, by label values."""
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in values.items():
        family.add_metric(labels, value)
    return family


class Counts:
    """A counter. Labels that are known beforehand begin at 0, so that a rate sees their first step."""

    def __init__(self, metric: Metric, known: Iterable[Labels] = ()) -> None:
        self._metric = metric
        self._values: dict[Labels, float] = dict.fromkeys(known, 0)

    def add(self, labels: Labels, count: int = 1) -> None:
        self._values[labels] = self._values.get(labels, 0) + count

    def family(self) -> CounterMetricFamily:
        return counter(self._metric, self._values.copy())


class Spread:
    """A histogram. prometheus_client's own takes one value at a time, for 2 us each."""

    def __init__(self, metric: Metric) -> None:
        self._metric = metric
        self._cells: dict[Labels, list[float]] = {}

    def observe(self, values: Sequence[float], labels: Labels = ()) -> None:
        bounds = self._metric.buckets
        cells = self._cells.get(labels)
        if cells is None:  # a number for each bucket, the one beyond the last bound, and the sum
            cells = self._cells[labels] = [0.0] * (len(bounds) + 2)
        for value in values:
            cells[bisect_left(bounds, value)] += 1
        cells[-1] += sum(values)

    def family(self) -> HistogramMetricFamily:
        family = HistogramMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        bounds = [*(str(float(bound)) for bound in self._metric.buckets), "+Inf"]
        for labels, cells in self._cells.copy().items():
            *counts, total = tuple(cells)
            family.add_metric(labels, list(zip(bounds, accumulate(counts), strict=True)), total)
        return family
