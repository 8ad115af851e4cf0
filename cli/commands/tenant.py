"""`veriaidpo tenant`: what is kept of one tenant's texts, and removing what is kept."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import typer
from rich.console import Console

from cli.begin import begin
from cli.settings import Settings
from connectors.database.engine import Database, Role
from connectors.database.migrate import prepare
from connectors.database.tenants import Texts, count_results, erase, read_policy, set_texts
from connectors.kafka.topics import remaining_until

T = TypeVar("T")

app = typer.Typer(help="What is kept of one tenant, and removing it.", no_args_is_help=True)

Tenant = Annotated[str, typer.Argument(help="The tenant's id.")]


@app.command()
def policy(
    tenant: Tenant,
    texts: Annotated[
        Texts | None,
        typer.Option(help="Keep the normalised text with a result, or none: those that are stored go too."),
    ] = None,
) -> None:
    """Show what is kept of a tenant's texts, or set it. The original text is never kept."""

    async def run(owner: Database) -> None:
        console = Console(highlight=False, soft_wrap=True)
        if texts is not None:
            taken = await set_texts(owner, tenant, texts)
            if taken:
                console.print(f"{taken} stored texts were removed.", markup=False)
        found = await read_policy(owner, tenant)
        console.print(f"{tenant}: texts={found.texts.value}", markup=False)
        if found.erased_before is not None:
            console.print(f"Results of requests before {_utc(found.erased_before)} were erased.")

    _with_owner(begin(), run)


@app.command("erase")
def erase_tenant(
    tenant: Tenant,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would go.")] = False,
) -> None:
    """Remove a tenant's results from the database, and say what stays in Kafka and until when."""
    settings = begin()

    async def run(owner: Database) -> None:
        console = Console(highlight=False, soft_wrap=True)
        now = datetime.now(UTC)
        if not yes:
            count = await count_results(owner, tenant)
            console.print(f"{count} results of {tenant} would be removed: add --yes.", markup=False)
        else:
            count = await erase(owner, tenant, now)
            console.print(f"{count} results of {tenant} were removed.", markup=False)
            console.print(f"Results of requests before {_utc(now)} won't be stored again.")
        console.print("Kafka deletes by age alone. What is there now stays, at the latest until:")
        for name, until in remaining_until(settings.topics, now):
            console.print(f"  {_utc(until)}  {name}")
        console.print("So the topics are declared; `veriaidpo topics check` compares the cluster with that.")

    _with_owner(settings, run)


def _with_owner(settings: Settings, run: Callable[[Database], Awaitable[T]]) -> T:
    async def connected() -> T:
        async with Database(settings.database, settings.home, Role.OWNER) as owner:
            await prepare(owner, production=False)
            return await run(owner)

    return asyncio.run(connected())


def _utc(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
