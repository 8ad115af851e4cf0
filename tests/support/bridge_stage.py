"""A gateway and what stands behind it, as a test's stage: the fake, and Kafka with a worker's stand-in."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Protocol
from uuid import uuid4

from api.gateway import Gateway, GatewayStatus
from api.kafka_gateway import KafkaGateway
from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from schemas.claims import Issuer, IssuerList, SigningKey, VerifyingKey
from schemas.errors import VeriAIDPOError
from schemas.events import ClassificationRequest, ClassificationResult
from tests.support.fake_gateway import FakeGateway
from tests.support.stand_in_worker import StandInWorker
from tests.support.waiting import eventually

MAX_IN_FLIGHT = 4
GONE_AFTER_S = 1.5
SECRET = "the-bridge-signs-with-this-in-these-tests"
BRIDGE_KEY = SigningKey(issuer="veriaidpo-bridge", kid="bridge-1", algorithm="HS256", key=SECRET)
BRIDGE_ISSUERS = IssuerList(
    [
        Issuer(
            name="veriaidpo-bridge",
            keys=(VerifyingKey(kid="bridge-1", algorithm="HS256", key=SECRET),),
            tenants=frozenset({"*"}),
            permissions=frozenset({"processing_activity.read"}),
            topics=frozenset({"veriaidpo.requests.*"}),
            reply_topics=frozenset({"veriaidpo.replies.bridge"}),
        )
    ]
)


class Stage(Protocol):
    """What a test of the contract does to the world behind a gateway."""

    @property
    def gateway(self) -> Gateway: ...
    @property
    def in_flight(self) -> int: ...
    async def hold(self) -> None:
        """Nobody is answered until `let_go`."""

    async def let_go(self) -> None: ...
    async def fail_with(self, error: VeriAIDPOError) -> None: ...
    async def lose_workers(self) -> None:
        """The only worker dies; returns at once."""

    async def return_workers(self) -> None:
        """It comes back; returns when the gateway knows."""

    async def lose_kafka(self) -> None: ...
    async def return_kafka(self) -> None:
        """Returns when the gateway is ready again."""


class FakeStage:
    def __init__(self) -> None:
        self.gateway = FakeGateway(max_in_flight=MAX_IN_FLIGHT)

    @property
    def in_flight(self) -> int:
        return self.gateway.in_flight

    async def hold(self) -> None:
        self.gateway.hold()

    async def let_go(self) -> None:
        self.gateway.let_go()

    async def fail_with(self, error: VeriAIDPOError) -> None:
        def answer(_: ClassificationRequest) -> ClassificationResult:
            raise error

        self.gateway.answer = answer

    async def lose_workers(self) -> None:
        self.gateway.lose_workers()

    async def return_workers(self) -> None:
        self.gateway.return_workers()

    async def lose_kafka(self) -> None:
        self.gateway.lose_kafka()

    async def return_kafka(self) -> None:
        self.gateway.return_kafka()


class KafkaStage:
    def __init__(self, broker: Broker, gateway: KafkaGateway, worker: StandInWorker) -> None:
        self._broker = broker
        self.gateway = gateway
        self.worker = worker

    @property
    def in_flight(self) -> int:
        return self.gateway.in_flight

    async def hold(self) -> None:
        self.worker.hold()

    async def let_go(self) -> None:
        await self.worker.let_go()

    async def fail_with(self, error: VeriAIDPOError) -> None:
        self.worker.fail_with(error)

    async def lose_workers(self) -> None:
        self.worker.kill()

    async def return_workers(self) -> None:
        await self.worker.come_back()
        await eventually(lambda: serves(self.gateway.status()), what="the worker is known again")

    async def lose_kafka(self) -> None:
        await self._broker.kill()

    async def return_kafka(self) -> None:
        await self._broker.start()
        await eventually(
            lambda: serves(self.gateway.status()), timeout_s=30, what="the bridge is ready again"
        )


@asynccontextmanager
async def kafka_stage(broker: Broker, model_type: str) -> AsyncIterator[KafkaStage]:
    """A gateway over `broker` with one stand-in worker for `model_type`, ready."""
    servers = broker.bootstrap_servers
    await create_declared_topics(KafkaSettings(bootstrap_servers=servers), TopicSettings(), ["bridge"])
    async with (
        KafkaGateway(
            servers,
            BRIDGE_KEY,
            instance_id=f"bridge-{uuid4().hex[:8]}",
            max_in_flight=MAX_IN_FLIGHT,
            worker_gone_after_s=GONE_AFTER_S,
        ) as gateway,
        StandInWorker(servers, BRIDGE_ISSUERS, [model_type]) as worker,
    ):
        await eventually(lambda: serves(gateway.status()), timeout_s=30, what="the bridge is ready")
        yield KafkaStage(broker, gateway, worker)
        assert worker.responder.refused == []


def serves(status: GatewayStatus) -> bool:
    """Whether Kafka is up and some worker is ready."""
    return status.kafka == "up" and bool(status.ready_workers)
