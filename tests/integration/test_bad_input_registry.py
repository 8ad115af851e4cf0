"""Schema ids at a real worker with a schema registry: known, old, unknown, and for a while not to be had."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import ExitStack
from io import BytesIO
from typing import Any
from uuid import uuid4

import pytest
from fastavro import parse_schema, schemaless_writer
from msgspec import structs

from connectors.publishing.replies import ReplyReader
from connectors.schema_registry import ConfluentRegistry, RegistrySettings
from schemas.avro_schemas import current_json
from schemas.codec import Codec
from schemas.errors import UnknownSchema
from schemas.events import ClassificationResult
from tests.support.bad_input_producer import RawBatch, RawProducer
from tests.support.bad_input_records import MODEL_TYPE, REPLIES, TOPIC, Draft, Sent, write_issuers
from tests.support.clusters import Kafka
from tests.support.http_server import Answer, http_server
from tests.support.processes import run_veriaidpo

pytestmark = pytest.mark.kafka

OURS = json.loads(current_json("ClassificationRequest"))
OLDER = {**OURS, "fields": [field for field in OURS["fields"] if field["name"] != "language"]}
NEWER = {**OURS, "fields": [*OURS["fields"], {"name": "channel", "type": "string", "default": ""}]}
SOMEBODYS = {"type": "record", "name": "Payment", "namespace": "bank", "fields": OURS["fields"]}
IDS: Mapping[int, object] = {1: OURS, 2: OLDER, 3: NEWER, 4: SOMEBODYS}
LATER_ID, UNKNOWN_ID = 5, 2**32 - 1
PARTITION = 2
TIMEOUT_S = 30.0


class Registry:
    """Confluent's routes, as far as a worker and a reader ask them; one id is only there later."""

    def __init__(self) -> None:
        self.is_later = False
        self.asked_too_early = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._schemas = {number: json.dumps(schema) for number, schema in IDS.items()}

    def __call__(self, method: str, path: str, body: bytes) -> Answer:
        parts = path.partition("?")[0].strip("/").split("/")
        if method == "POST":
            schema = json.loads(body)["schema"]
            known = [number for number, each in self._schemas.items() if each == schema]
            number = known[0] if known else 100 + len(self._schemas)
            self._schemas[number] = schema
            return 200, {"id": number, "subject": parts[1], "version": 1, "schema": schema}
        number = int(parts[-1])
        if number == LATER_ID and self.is_later:
            return 200, {"schema": json.dumps({**NEWER, "doc": "later"})}
        if number == LATER_ID:
            self._loop.call_soon_threadsafe(self.asked_too_early.set)
            return 503, {"error_code": 50301, "message": "not now"}
        if number in self._schemas:
            return 200, {"schema": self._schemas[number]}
        return 404, {"error_code": 40403, "message": "Schema not found"}


class Stage:
    """A worker that asks the registry, and a publisher who waits for its answers."""

    def __init__(self, registry: Registry, producer: RawProducer, replies: ReplyReader) -> None:
        self.registry = registry
        self._producer = producer
        self._replies = replies

    async def answer(self, sent: Sent) -> ClassificationResult:
        """The result, or the failure's typed error."""
        assert sent.key is not None
        with self._replies.expect(sent.key) as reply:
            await self._producer.send(RawBatch(sent), TOPIC, 0)
            return await asyncio.wait_for(reply, TIMEOUT_S)


@pytest.fixture(scope="module")
async def stage(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stage]:
    folder = tmp_path_factory.mktemp("registry")
    registry = Registry()
    servers = declared_topics.bootstrap_servers
    with ExitStack() as stack:
        url = stack.enter_context(http_server(registry)).url
        settings = {
            "KAFKA_BOOTSTRAP_SERVERS": servers,
            "VERIAIDPO_ISSUERS_FILE": str(write_issuers(folder / "issuers.json")),
            "VERIAIDPO_SCHEMA_REGISTRY__URL": url,
        }
        command = ["worker", "--models", MODEL_TYPE, "--engine", "constant"]
        codec = Codec(ConfluentRegistry(RegistrySettings(url=url)))
        async with (
            run_veriaidpo(command, folder, env=settings) as worker,
            RawProducer(servers) as producer,
            ReplyReader(servers, REPLIES, PARTITION, codec=codec) as replies,
        ):
            await worker.wait_for_line("worker ready", TIMEOUT_S)
            yield Stage(registry, producer, replies)
            worker.terminate()
            assert await worker.wait() == 0


def draft() -> Draft:
    return Draft.of(str(uuid4())).replying(partition=PARTITION)


def framed(schema_id: int, schema: Any, good: Draft) -> Sent:
    """The request as a publisher with that schema writes it."""
    out = BytesIO(b"\0" + schema_id.to_bytes(4, "big"))
    out.seek(0, 2)
    fields = structs.asdict(good.request)
    schemaless_writer(out, parse_schema(schema), {**fields, "channel": "mail"})
    return good.sign_value(out.getvalue())


@pytest.mark.parametrize("schema_id", [1, 2, 3], ids=["ours", "older", "newer"])
async def test_publishers_schema_is_read_whatever_its_version(stage: Stage, schema_id: int) -> None:
    good = draft()
    result = await stage.answer(framed(schema_id, IDS[schema_id], good))
    assert (result.request_id, result.language) == (good.request.request_id, "vi")


async def test_single_object_encoding_is_read_beside_it(stage: Stage) -> None:
    good = draft()
    assert (await stage.answer(good.sign())).request_id == good.request.request_id


@pytest.mark.parametrize("schema_id", [UNKNOWN_ID, 4], ids=["nobody's", "somebody else's"])
async def test_id_of_no_schema_of_ours_is_answered_as_such(stage: Stage, schema_id: int) -> None:
    with pytest.raises(UnknownSchema):
        await stage.answer(framed(schema_id, OURS, draft()))


async def test_record_waits_while_the_registry_cannot_say_and_holds_nobody_up(stage: Stage) -> None:
    patient = draft()
    waiting = asyncio.create_task(stage.answer(framed(LATER_ID, NEWER, patient)))
    await asyncio.wait_for(stage.registry.asked_too_early.wait(), TIMEOUT_S)
    await stage.answer(draft().sign())
    assert not waiting.done()
    stage.registry.is_later = True
    while not waiting.done():
        await stage.answer(draft().sign())  # behind it on its partition
        await asyncio.wait([waiting], timeout=0.2)
    assert waiting.result().request_id == patient.request.request_id
