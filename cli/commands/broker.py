"""`veriaidpo broker`: a real Apache Kafka broker in the foreground, where no cluster is given."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from cli.begin import begin
from connectors.kafka.broker import Broker
from schemas.errors import BrokerFailed


def broker(
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Default: as last time on this data, else a free one."),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(help="Where the topics are kept. Default: kafka/ in VERIAIDPO_HOME.")
    ] = None,
) -> None:
    """Start Apache Kafka (one node, this machine only) and run it until SIGTERM or Ctrl-C.

    With KAFKA_BOOTSTRAP_SERVERS set nothing is started: that cluster is the one to use.
    """
    settings = begin()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    given = settings.kafka.bootstrap_servers
    if given is not None:
        console.print(f"KAFKA_BOOTSTRAP_SERVERS is set: {given} is used, and no broker is started.")
        return
    home = settings.home
    node = Broker(data_dir or home / "kafka", port=port, jars_dir=home / "kafka-jars")
    asyncio.run(_run(node, console))


async def _run(node: Broker, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    console.print("Starting Apache Kafka …")
    started = asyncio.create_task(node.start())
    asked = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait((started, asked), return_when=asyncio.FIRST_COMPLETED)
        if asked.done():
            return
        await started
        console.print(f"Kafka is ready: {node.bootstrap_servers} (log: {node.log_file})")
        ended = asyncio.create_task(node.wait())
        await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
        if not asked.done():
            raise BrokerFailed(reason=f"it ended with status {ended.result()}", log=node.log_file)
        ended.cancel()
    finally:
        if not started.done():
            started.cancel()
            await asyncio.wait((started,))
        asked.cancel()
        await node.stop()
        console.print("Kafka is stopped.")
