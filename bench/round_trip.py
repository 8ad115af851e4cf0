"""A bare request and reply over Kafka, with nothing in between: no bridge on this machine is faster.

python -m bench.round_trip BOOTSTRAP_SERVERS   (the other end, which sends every record back)
"""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from bench.rig import Rig
from connectors.child_process import dies_with_parent

PING = TopicPartition("bench.ping", 0)
PONG = TopicPartition("bench.pong", 0)
WARM_UP = 100
TIMEOUT_S = 30.0


async def round_trips_ms(rig: Rig, *, count: int, rate: float) -> list[float]:
    """Milliseconds of `count` round trips that leave on a beat of `rate` a second."""
    servers = rig.stack.bootstrap_servers
    admin = AIOKafkaAdminClient(bootstrap_servers=servers)
    await admin.start()
    await admin.create_topics([NewTopic(ping.topic, 1, 1) for ping in (PING, PONG)])
    await admin.close()
    command = dies_with_parent([sys.executable, "-m", "bench.round_trip", servers])
    echo = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert echo.stdout is not None
    try:
        await asyncio.wait_for(echo.stdout.readline(), TIMEOUT_S)
        return (await _measure(servers, WARM_UP + count, rate))[WARM_UP:]
    finally:
        with contextlib.suppress(ProcessLookupError):
            echo.kill()
        await echo.wait()


async def _measure(servers: str, count: int, rate: float) -> list[float]:
    consumer, producer = _clients(servers)
    async with consumer, producer:
        consumer.assign([PONG])
        await consumer.seek_to_end()
        sending = asyncio.create_task(_send(producer, count, rate))
        took_ms: list[float] = []
        async with asyncio.timeout(count / rate + TIMEOUT_S):
            while len(took_ms) < count:
                sent_s = float((await consumer.getone()).value)
                took_ms.append((time.perf_counter() - sent_s) * 1000)
        await sending
        return took_ms


async def _send(producer: AIOKafkaProducer, count: int, rate: float) -> None:
    start = time.perf_counter()
    for index in range(count):
        await asyncio.sleep(max(0.0, start + index / rate - time.perf_counter()))
        await producer.send(PING.topic, repr(time.perf_counter()).encode())


async def _echo(servers: str) -> None:
    consumer, producer = _clients(servers)
    async with consumer, producer:
        consumer.assign([PING])
        await consumer.seek_to_end()
        print("ready", flush=True)
        async for record in consumer:
            await producer.send(PONG.topic, record.value)


def _clients(servers: str) -> tuple[AIOKafkaConsumer, AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=servers, acks="all", linger_ms=0)
    return AIOKafkaConsumer(bootstrap_servers=servers), producer


if __name__ == "__main__":
    asyncio.run(_echo(sys.argv[1]))
