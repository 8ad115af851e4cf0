"""The bridge's whole application with a fake in place of Kafka, for the tests of its routes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from tests.support.bridge_client import bridge_client
from tests.support.fake_gateway import FakeGateway


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway()


@pytest.fixture
async def client(gateway: FakeGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with bridge_client(gateway) as client:
        yield client
