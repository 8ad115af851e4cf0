"""schemathesis against the bridge's own OpenAPI document: every check, on a fake gateway, over a real socket.

python -m tests.support.fuzz --cases 500
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from pydantic import SecretStr

from api.app import create_app
from api.settings import BridgeSettings
from api.tokens import CallerTokens
from cli.roles import ROLES
from tests.support.bridge_client import SECRET, TENANT, caller_token
from tests.support.fake_gateway import FakeGateway
from tests.support.fake_results import CURSOR, FakeResults, stored
from tests.support.processes import run_command
from tests.support.served_app import served

SEED = 1
# What is too large is refused with the status for it, which schemathesis doesn't expect of its own accord.
CONFIG = """
[checks.negative_data_rejection]
expected-statuses = [400, 401, 403, 404, 405, 413, 415, 422, 429]
"""


async def fuzz(folder: Path, cases: int, timeout_s: float, paths: str = ".") -> tuple[int, str]:
    """schemathesis's exit status and what it printed, after `cases` generated requests a route.

    `paths` is a regular expression: only routes that it finds are asked.
    """
    config = folder / "schemathesis.toml"
    config.write_text(CONFIG)
    settings = BridgeSettings(requests_per_minute=10**9, tokens_per_minute=10**12)
    app = create_app(
        FakeGateway(max_in_flight=256),
        CallerTokens(SecretStr(SECRET)),
        settings,
        result_search=FakeResults([stored(TENANT)], CURSOR),
    )
    token = caller_token(role="admin", permissions=ROLES["admin"], lifetime_s=6 * 3600)
    async with served(app) as url:
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", str(config)]
        command += ["run", f"{url}/openapi.json", "--include-path-regex", paths]
        command += ["--checks", "all", "--max-examples", str(cases), "--seed", str(SEED)]
        command += ["--header", f"Authorization: Bearer {token}", "--no-color", "--workers", "1"]
        command += ["--generation-database", "none"]
        async with run_command(command, folder) as process:
            return await process.wait(timeout_s), process.output


def main() -> int:
    """Print the report; the exit status is schemathesis's own."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--cases", type=int, default=500)
    arguments.add_argument("--paths", default=".")
    given = arguments.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with tempfile.TemporaryDirectory() as folder:
        status, report = asyncio.run(fuzz(Path(folder), given.cases, 6 * 3600, given.paths))
    print(report)
    return status


if __name__ == "__main__":
    sys.exit(main())
