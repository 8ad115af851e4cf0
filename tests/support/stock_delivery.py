"""The same worker on Faust's stock consumer, for tests that prove what ours is for.

`python -m tests.support.stock_delivery OPTIONS`: as delivery_worker; or StockApp as run_worker's `app_class`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from faust.transport.drivers.aiokafka import Transport
from faust.types import TP

from streams.delivery.app import DeliveryApp
from streams.delivery.prefix import CommitPrefix
from streams.delivery.records import Record
from tests.support.delivery_worker import main


class StockApp(DeliveryApp):
    """Acknowledges through Faust, and commits as Faust does."""

    def install_transport(self) -> None:
        self.transport = Transport(self.conf.broker_consumer, self)
        self.on_partitions_assigned.connect(self._set_assigned)

    @property
    def deliveries(self) -> Any:
        return _Nothing()

    def record_of(self, message: Any) -> Record:
        message.prefix = _StockAcknowledgement(self, message)
        return super().record_of(message)

    async def _set_assigned(self, *_: object, **__: object) -> None:
        self.assigned.set()


class _StockAcknowledgement(CommitPrefix):
    def __init__(self, app: StockApp, message: Any) -> None:
        super().__init__()
        self._app = app
        self._message = message

    def acknowledge(self, offset: int) -> bool:
        return bool(self._message.ack(self._app.consumer))


class _Nothing:
    """The stock consumer knows no positions or prefixes of ours."""

    def positions(self) -> Mapping[TP, int]:
        return {}

    def unacknowledged(self) -> Mapping[TP, int]:
        return {}


if __name__ == "__main__":
    main(StockApp)
