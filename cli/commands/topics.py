"""`veriaidpo topics`: make, list and check the topics that the service declares."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from cli.begin import begin
from connectors.kafka.broker import cluster_of
from connectors.kafka.topic_admin import TopicAdmin, check_declared_topics, create_declared_topics
from connectors.kafka.topic_differences import Difference, ExistingTopic
from connectors.kafka.topics import TopicDeclaration

DIFFER = 1

app = typer.Typer(help="Make, list and check the service's topics.", no_args_is_help=True)

Clients = Annotated[
    list[str] | None,
    typer.Option("--client", help="A publisher that waits for replies: its veriaidpo.replies.NAME too."),
]


@app.command()
def create(client: Clients = None) -> None:
    """Make the topics that are missing. What exists with other settings is reported, never changed."""
    settings = begin()
    kafka = cluster_of(settings.kafka, settings.home)
    made, differing = asyncio.run(create_declared_topics(kafka, settings.topics, client or ()))
    console = Console(highlight=False)
    for name in made:
        console.print(f"made {name}")
    console.print(f"{len(made)} topics made; the others were there.")
    _end(console, differing)


@app.command("list")
def list_topics(client: Clients = None) -> None:
    """Show every declared topic, and whether the cluster has it."""
    settings = begin()
    kafka = cluster_of(settings.kafka, settings.home)

    async def read() -> tuple[list[TopicDeclaration], dict[str, ExistingTopic]]:
        async with TopicAdmin(kafka) as admin:
            declared = await admin.declarations(settings.topics, client or ())
            return declared, await admin.describe({topic.name for topic in declared})

    declared, existing = asyncio.run(read())
    table = Table("topic", "partitions", "replicas", "kept", "cleanup", "largest record", "on the cluster")
    for topic in declared:
        table.add_row(
            topic.name,
            str(topic.partitions),
            f"{topic.replication_factor} ({topic.configs['min.insync.replicas']} in sync)",
            _duration(int(topic.configs["retention.ms"])),
            topic.configs["cleanup.policy"],
            topic.configs["max.message.bytes"],
            "yes" if topic.name in existing else "missing",
        )
    Console().print(table)


@app.command()
def check(client: Clients = None) -> None:
    """Compare the cluster's topics with the declarations; exit code 1 where something differs."""
    settings = begin()
    kafka = cluster_of(settings.kafka, settings.home)
    differing = asyncio.run(check_declared_topics(kafka, settings.topics, client or ()))
    console = Console(highlight=False)
    if not differing:
        console.print("Every topic is as declared.")
    _end(console, differing)


def _end(console: Console, differing: Sequence[Difference]) -> None:
    if not differing:
        return
    table = Table("topic", "setting", "declared", "found", title="Not as declared")
    for each in differing:
        table.add_row(each.topic, each.setting, each.declared, each.found)
    console.print(table)
    console.print("What to do:")
    for remedy in dict.fromkeys(each.remedy for each in differing):
        console.print(f"  {remedy}", soft_wrap=True, markup=False)
    raise typer.Exit(DIFFER)


def _duration(milliseconds: int) -> str:
    for unit, length in (("d", 86_400_000), ("h", 3_600_000), ("min", 60_000)):
        if milliseconds >= length and milliseconds % length == 0:
            return f"{milliseconds // length} {unit}"
    return f"{milliseconds} ms"
