"""`veriaidpo up`: broker, worker and bridge on this machine, until Ctrl-C."""

from __future__ import annotations

import asyncio
import signal

from rich.console import Console

from cli.begin import begin
from cli.keys import development_token, require_development
from cli.settings import Settings
from cli.stack import Stack


def up() -> None:
    """Start everything, print a ready curl line, and stay up until SIGTERM or Ctrl-C."""
    settings = begin()
    require_development(settings, "veriaidpo up")
    asyncio.run(_run(settings, Console(highlight=False, soft_wrap=True)))


async def _run(settings: Settings, console: Console) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    running = asyncio.create_task(_stay_up(settings, console))
    asked = asyncio.create_task(stop.wait())
    await asyncio.wait((running, asked), return_when=asyncio.FIRST_COMPLETED)
    if stop.is_set():  # Ctrl-C reaches the children as well: that they end is no failure then
        running.cancel()
        await asyncio.wait((running,))
        console.print("Stopped.")
    else:
        asked.cancel()
        running.result()


async def _stay_up(settings: Settings, console: Console) -> None:
    """Until cancelled, which stops everything in order; raises ServiceFailed where a part ends by itself."""
    console.print("Starting Kafka, a worker with eleven models, and the bridge …")
    async with Stack(settings) as stack:
        await stack.start_all(settings.bridge.port)
        token = development_token(settings, role="dpo", tenant_id="t1")
        console.print(f"Kafka:  {stack.bootstrap_servers}\nBridge: {stack.bridge_url}\nTry it:\n")
        console.print(
            f"curl -s {stack.bridge_url}/classify -H 'Authorization: Bearer {token}' "
            "-H 'Content-Type: application/json' "
            """-d '{"text": "Vietcombank chỉ thu thập số điện thoại khi khách hàng đồng ý."}'""",
            markup=False,
        )
        console.print("\nCtrl-C stops everything; the data stays.")
        await stack.wait_for_end()
