"""The ledger can fail for real: Faust's stock consumer in place of ours loses records, and ours doesn't."""

from __future__ import annotations

import asyncio
import json
import random
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt.algorithms import OKPAlgorithm

from schemas.claims.mint import SigningKey
from schemas.events import ClassificationRequest
from streams.inference.constant import ConstantEngine
from tests.chaos.books import OUTCOMES, read_books
from tests.chaos.fleet import WORKER, Fleet
from tests.chaos.ledger import LOST, balance
from tests.chaos.offline import run_offline
from tests.chaos.publishing import PacedPublisher
from tests.chaos.reading import Follower
from tests.chaos.settling import Settling
from tests.chaos.stage import Stage
from tests.chaos.traffic import TENANT, Traffic
from tests.support.http_server import HttpServer, http_server

STOCK_WORKER = (sys.executable, "-m", "tests.chaos.stock_worker", "worker")
WORKERS = {"principles": WORKER, "risk_level": STOCK_WORKER}
"""By the model type that each serves, so that both meet the same fate on the same broker."""

WAITING = 20
OTHERS = 200
THREE_COMMITS_S = 1.5
RATE = 200.0


@pytest.mark.kafka
@pytest.mark.timed
async def test_records_that_wait_while_others_pass_survive_a_kill_only_with_our_consumer(
    tmp_path: Path,
) -> None:
    """Their issuer's keys are away, so they wait; the workers are killed, and the keys come back."""
    waiting, others, last = _requests("waiting", WAITING), _requests("other", OTHERS), _requests("last", 40)
    expected = run_offline([*waiting, *others, *last], ConstantEngine()).answers
    private = Ed25519PrivateKey.generate()
    settling = Settling()
    with http_server(lambda *_: (503, b"")) as keys:
        async with Stage(tmp_path, partitions=2) as stage:
            late_key = _trust(stage, private, keys)
            async with Follower(stage.kafka, OUTCOMES, settling.take), AsyncExitStack() as running:
                fleets = [await running.enter_async_context(fleet) for fleet in _fleets(stage)]
                await _publish(stage, late_key, waiting)
                await _publish(stage, stage.key, others)
                assert await settling.until_settled(_ids(others), within_s=30)
                await asyncio.sleep(THREE_COMMITS_S)
                for fleet in fleets:
                    await fleet.kill_worker(random.Random(1))
                keys.answer = lambda *_: (200, _key_set(private))
                await _publish(stage, stage.key, last)
                assert await settling.until_settled(_ids(last), within_s=60)
                await settling.until_settled(_ids(waiting), within_s=5)
                for fleet in fleets:
                    await fleet.stop()
            books = await read_books(stage.kafka, expected=expected)
    lines = {line.name: line for line in balance(books)}
    assert {name for name, line in lines.items() if not line.holds} == {LOST}
    assert lines[LOST].found == WAITING
    assert all(example.startswith("waiting-risk_level") for example in lines[LOST].examples)


def _fleets(stage: Stage) -> list[Fleet]:
    return [
        Fleet(
            1,
            stage.folder / model_type,
            stage.worker_env,
            options=("--models", model_type, "--engine", "constant"),
            command=command,
        )
        for model_type, command in WORKERS.items()
    ]


def _requests(kind: str, count: int) -> list[ClassificationRequest]:
    """So many for each of the two."""
    return [
        ClassificationRequest(f"{kind}-{model_type}-{number}", TENANT, model_type, "vi", f"Câu số {number}.")
        for number in range(count)
        for model_type in WORKERS
    ]


def _ids(requests: Sequence[ClassificationRequest]) -> list[str]:
    return [request.request_id for request in requests]


async def _publish(stage: Stage, key: SigningKey, requests: Sequence[ClassificationRequest]) -> None:
    async with PacedPublisher(stage.kafka, key) as publisher:
        await publisher.publish([Traffic(request) for request in requests], rate=RATE)


def _trust(stage: Stage, private: Ed25519PrivateKey, keys: HttpServer) -> SigningKey:
    """Add an issuer to the list whose keys are behind an address."""
    listed = json.loads(stage.issuers_file.read_text())
    publisher = next(each for each in listed["issuers"] if each["name"] == stage.key.issuer)
    late = {**publisher, "name": "late", "jwks": {"url": f"{keys.url}/keys", "algorithm": "EdDSA"}}
    del late["keys"]
    listed["issuers"].append(late)
    stage.issuers_file.write_text(json.dumps(listed))
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    return SigningKey(issuer="late", kid="late-1", algorithm="EdDSA", key=pem)


def _key_set(private: Ed25519PrivateKey) -> dict[str, object]:
    return {
        "keys": [{**OKPAlgorithm.to_jwk(private.public_key(), as_dict=True), "kid": "late-1", "use": "sig"}]
    }
