"""What several integration tests look at, and is made only once."""

from __future__ import annotations

import pytest

from tests.support.bad_input_barrage import Barrage, run_barrage
from tests.support.clusters import Kafka


@pytest.fixture(scope="session")
async def barrage(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Barrage:
    """Every kind of bad input at one worker; it is over when a test gets to see it."""
    return await run_barrage(declared_topics.bootstrap_servers, tmp_path_factory.mktemp("barrage"))
