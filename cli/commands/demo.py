"""`veriaidpo demo`: the main job on real input, start to finish, on this machine."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from cli.begin import begin
from cli.demonstration.examples import Example, read_examples
from cli.demonstration.ledger import Ledger
from cli.demonstration.rest import RestAnswer, ask_over_rest
from cli.demonstration.sending import TENANT, send_examples
from cli.demonstration.summary import print_results, print_summary
from cli.demonstration.watching import Watcher
from cli.keys import development_token, require_development, signing_key
from cli.settings import Settings
from cli.stack import Stack
from schemas.taxonomy import MODEL_TYPES

SETTLE_LIMIT_S = 90.0
PLAIN_WIDTH = 130


def demo() -> None:
    """Start everything, classify the example sentences as events and over REST, and account for each.

    Exits 0 only if nothing was lost, altered or wrongly judged.
    """
    settings = begin()
    require_development(settings, "veriaidpo demo")
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=PLAIN_WIDTH)  # a log has no window: don't fold to 80
    if not asyncio.run(_run(settings, console)):
        raise typer.Exit(1)


async def _run(settings: Settings, console: Console) -> bool:
    examples = read_examples()
    ledger = Ledger()
    console.print("Starting Kafka, a worker with eleven models, and the bridge …")
    async with Stack(settings) as stack:
        await stack.start_all()
        kafka = stack.kafka
        async with Watcher(kafka, ledger):
            with _progress(console) as progress:
                sending = progress.add_task("sent", total=len(examples))
                settled = progress.add_task("settled", total=len(examples))
                await send_examples(
                    examples,
                    kafka=kafka,
                    key=signing_key(settings, "publisher"),
                    ledger=ledger,
                    on_sent=lambda: progress.advance(sending),
                )
                await _until_settled(ledger, lambda done: progress.update(settled, completed=done))
            token = development_token(settings, role="dpo", tenant_id=TENANT)
            rest = await ask_over_rest(_one_of_each(examples), bridge_url=stack.bridge_url, token=token)
    print_results(console, ledger, rest)
    print_summary(console, ledger, rest)
    return _holds(ledger, examples, rest)


async def _until_settled(ledger: Ledger, show: Callable[[int], None]) -> None:
    limit = time.monotonic() + SETTLE_LIMIT_S
    while ledger.lost and time.monotonic() < limit:
        show(len(ledger.sent) - len(ledger.lost))
        await asyncio.sleep(0.1)
    show(len(ledger.sent) - len(ledger.lost))


def _one_of_each(examples: Sequence[Example]) -> list[Example]:
    good = [example for example in examples if example.malformed is None]
    return [next(example for example in good if example.model_type == name) for name in MODEL_TYPES]


def _holds(ledger: Ledger, examples: Sequence[Example], rest: Sequence[RestAnswer]) -> bool:
    all_sent = len(ledger.sent) == len(examples)
    return (
        all_sent
        and not (ledger.lost or ledger.altered or ledger.misjudged)
        and all(answer.status == 200 for answer in rest)
    )


def _progress(console: Console) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    return Progress(*columns, console=console)
