"""What GET /metrics says, parsed as Prometheus would."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import httpx
from prometheus_client.parser import text_string_to_metric_families


@dataclass(frozen=True)
class Scrape:
    text: str

    @classmethod
    async def of(cls, url: str) -> Self:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(url)
        assert answer.status_code == 200
        return cls(answer.text)

    def value(self, name: str, **labels: str) -> float:
        """The one sample with exactly these labels; AssertionError where there is none."""
        found = self._find(name, labels)
        assert found is not None, f"no {name} with {labels} in\n{self.text}"
        return found

    def has(self, name: str, **labels: str) -> bool:
        return self._find(name, labels) is not None

    def _find(self, name: str, labels: dict[str, str]) -> float | None:
        for family in text_string_to_metric_families(self.text):
            for sample in family.samples:
                if sample.name == name and sample.labels == labels:
                    return float(sample.value)
        return None
