"""Fixtures that every kind of test shares."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from connectors.kafka.broker import Broker
from connectors.kafka.settings import KafkaSettings
from connectors.kafka.topic_admin import create_declared_topics
from connectors.kafka.topics import TopicSettings
from tests.support.clusters import JARS_DIR, Kafka, running_kafka

StartBroker = Callable[..., Awaitable[Broker]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A file's tests stay in one process, where its fixtures are, when two share the work."""
    for item in items:
        item.add_marker(pytest.mark.xdist_group(item.path.stem))


@pytest.fixture(scope="session")
async def kafka(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Kafka]:
    """One cluster for the whole run. Tests share it: a topic or group of their own has a name of its own."""
    async with running_kafka(tmp_path_factory.mktemp("kafka")) as cluster:
        yield cluster


@pytest.fixture(scope="session")
async def declared_topics(kafka: Kafka) -> Kafka:
    """The shared cluster with every declared topic on it (4 partitions, and replies for our tests)."""
    settings = TopicSettings(partitions=4, reply_partitions=4)
    reach = KafkaSettings(bootstrap_servers=kafka.bootstrap_servers)
    await create_declared_topics(reach, settings, clients=["tests", "worker-tests"])
    return kafka


@pytest.fixture
async def fresh_kafka(tmp_path: Path) -> AsyncIterator[StartBroker]:
    """Starts brokers that are the test's alone, for one that kills them or wants empty topics.

    `broker = await fresh_kafka()`; keyword arguments are Broker's. Each is stopped when the test ends.
    """
    async with AsyncExitStack() as stack:
        started = 0

        async def start(data_dir: Path | None = None, **options: object) -> Broker:
            nonlocal started
            started += 1
            folder = data_dir if data_dir is not None else tmp_path / f"kafka-{started}"
            broker = Broker(folder, **{"jars_dir": JARS_DIR, **options})  # type: ignore[arg-type]
            return await stack.enter_async_context(broker)

        yield start


@pytest.fixture(scope="session")
async def postgres() -> AsyncIterator[str]:
    """One Postgres for the whole run: its superuser's URL. A test has databases of its own on it."""
    from tests.support.postgres import running_postgres  # the conversion environment has no database

    async with running_postgres() as url:
        yield url


@pytest.fixture(scope="session")
async def postgres_template(postgres: str, tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a database on it that has our tables, and that nobody is connected to: to be copied."""
    from tests.support.databases import migrated
    from tests.support.postgres import fresh_database

    url = await fresh_database(postgres)
    await migrated(url, tmp_path_factory.mktemp("home"))
    return url.rpartition("/")[2]


@pytest.fixture
async def postgres_database(postgres: str, postgres_template: str) -> str:
    """The owner's URL of a database on it with our tables and no rows."""
    from tests.support.postgres import fresh_database

    return await fresh_database(postgres, like=postgres_template)


@pytest.fixture
async def sqlite_database(tmp_path: Path) -> str:
    """The same on SQLite."""
    from tests.support.databases import migrated

    return await migrated(f"sqlite:///{tmp_path / 'veriaidpo.db'}", tmp_path)


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """Either: the test runs on both."""
    return str(request.getfixturevalue(f"{request.param}_database"))
