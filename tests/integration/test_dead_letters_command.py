"""`veriaidpo dlq` as an operator runs it, on a real broker, with letters of every kind."""

from __future__ import annotations

import asyncio
import base64
import json
import logging
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from typer.testing import CliRunner

from cli.commands.dlq import app
from cli.main import EX_USAGE_OR_STATE
from cli.moments import utc_text
from schemas.claims.bearer import mint_bearer
from schemas.errors import ClaimsExpired, EmptyText, ModelUnavailable, NotAvro, VeriAIDPOError
from schemas.limits import MAX_REQUEST_BYTES
from schemas.permissions import UNMASK
from schemas.topics import DEAD_LETTERS
from tests.conftest import StartBroker
from tests.support.bad_input_producer import RawName
from tests.support.clusters import Kafka
from tests.support.dead_letters import Letter, letter_of, send
from tests.support.records import make_topic
from tests.support.signed_records import signed_record, signing_key
from tests.support.waiting import eventually

pytestmark = pytest.mark.kafka

SECRET = "the-bridge-of-these-tests-verifies-with-this"
TEXT = "Gọi bà Trần Thị Hoa, 0912345678."


@dataclass(frozen=True)
class Ended:
    code: int
    stdout: str
    stderr: str

    @property
    def rows(self) -> list[dict[str, object]]:
        assert self.code == 0, self.stderr
        return [json.loads(line) for line in self.stdout.splitlines()]


class Dlq:
    """Runs `veriaidpo dlq` against one cluster, in a home of its own."""

    def __init__(self, bootstrap_servers: str, home: Path) -> None:
        self.home = home
        self._settings = {
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "VERIAIDPO_HOME": str(home),
            "VERIAIDPO_LOG_LEVEL": "ERROR",
            "JWT_SECRET_KEY": SECRET,
        }

    async def __call__(self, *arguments: str, token: str = "") -> Ended:
        """In a thread: a process takes seconds to start, and only what it prints at its end is its own."""
        with _loggers_as_they_were():
            return await asyncio.to_thread(self._invoke, arguments, token)

    async def process(self, *arguments: str, token: str = "") -> Ended:
        """As an operator starts it."""
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "cli.main", "dlq", *arguments),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            env=os.environ | self._settings | {"VERIAIDPO_OPERATOR_TOKEN": token},
        )
        stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode is not None
        return Ended(process.returncode, stdout.decode(), stderr.decode())

    def _invoke(self, arguments: Sequence[str], token: str) -> Ended:
        runner = CliRunner(env={**self._settings, "VERIAIDPO_OPERATOR_TOKEN": token})
        ended = runner.invoke(app, arguments)
        if isinstance(ended.exception, VeriAIDPOError):
            return Ended(EX_USAGE_OR_STATE, ended.stdout, ended.stderr + str(ended.exception))
        if ended.exception is not None and not isinstance(ended.exception, SystemExit):
            raise ended.exception
        return Ended(ended.exit_code, ended.stdout, ended.stderr)


@contextmanager
def _loggers_as_they_were() -> Iterator[None]:
    levels = {logger: logger.level for logger in (logging.getLogger(), logging.getLogger("aiokafka"))}
    try:
        yield
    finally:
        for logger, level in levels.items():
            logger.setLevel(level)


@dataclass(frozen=True)
class Lying:
    """Letters of one tenant of their own on the shared cluster, and where they came to lie."""

    tenant: str
    since: str
    letters: list[Letter]
    offsets: list[int]


PARTITION = 2
EMPTY, EXPIRED, UNDECODABLE, NAMELESS, NOTHING, LARGEST = range(6)


@pytest.fixture(scope="module")
async def lying(declared_topics: Kafka, tmp_path_factory: pytest.TempPathFactory) -> Lying:
    key = signing_key(tmp_path_factory.mktemp("keys"))
    tenant = f"tenant-{uuid4().hex[:8]}"

    def letter(error: VeriAIDPOError, value: bytes | None = None, **changes: str) -> Letter:
        return letter_of(signed_record(key, TEXT, tenant_id=tenant, value=value, **changes), error)  # type: ignore[arg-type]

    letters = [
        letter(EmptyText()),
        letter(ClaimsExpired(reason="too old"), model_type="industry"),
        letter(NotAvro(reason="noise"), value=bytes(range(256))),
        Letter(b"k", b"{}", ((RawName(b"n\xff"), None), ("kafka_dlt-original-offset", b"short"))),  # type: ignore[arg-type]
        Letter(None, None, ()),
        Letter(None, b"\xff" * (MAX_REQUEST_BYTES + 50_000), ()),  # of a whole request, and provenance
    ]
    stored = await send(declared_topics.bootstrap_servers, *letters, partition=PARTITION)
    return Lying(tenant, utc_text(stored[0].timestamp_ms), letters, [each.offset for each in stored])


@pytest.fixture
def dlq(declared_topics: Kafka, tmp_path: Path) -> Dlq:
    return Dlq(declared_topics.bootstrap_servers, tmp_path / "home")


async def test_letters_of_every_kind_are_listed_and_chosen(dlq: Dlq, lying: Lying) -> None:
    found = (await dlq("list", "--json", "--since", lying.since)).rows
    ours = {row["offset"]: row for row in found if row["partition"] == PARTITION}
    assert set(lying.offsets) <= set(ours)
    nothing, nameless = ours[lying.offsets[NOTHING]], ours[lying.offsets[NAMELESS]]
    assert (nothing["reason"], nothing["tenant_id"], nothing["undecoded"]) == ("(none)", None, "NO_VALUE")
    assert (nameless["undecoded"], nameless["original_offset"]) == ("NOT_AVRO", None)

    tenant = ["--tenant", lying.tenant, "--json"]
    found = (await dlq("list", *tenant)).rows
    assert [row["reason"] for row in found] == ["EMPTY_TEXT", "CLAIMS_EXPIRED", "NOT_AVRO"]
    assert [row["tenant_from"] for row in found] == ["value", "value", "unverified_claims"]
    assert [row["model_type"] for row in found] == ["principles", "industry", "principles"]
    chosen = await dlq("list", *tenant, "--reason", "NOT_AVRO", "--reason", "EMPTY_TEXT", "--until", "0m")
    assert [row["reason"] for row in chosen.rows] == ["EMPTY_TEXT", "NOT_AVRO"]
    assert (await dlq("list", *tenant, "--original-since", "1m")).rows == []
    assert (await dlq("list", *tenant, "--until", lying.since)).rows == []
    unknown = await dlq("list", "--model-type", "principle")
    assert (unknown.code, unknown.stderr.split(":")[0]) == (2, "UNKNOWN_MODEL_TYPE")


async def test_the_table_counts_by_reason_and_marks_unverified_tenants(dlq: Dlq, lying: Lying) -> None:
    ended = await dlq("list", "--tenant", lying.tenant)
    assert ended.code == 0, ended.stderr
    assert "3 letters" in ended.stdout
    assert "1 reason NOT_AVRO" in ended.stdout
    assert f"{lying.tenant} (?)" in ended.stdout
    assert TEXT not in ended.stdout


@pytest.mark.parametrize("number", range(6))
async def test_each_letter_is_shown_masked_and_without_its_token(dlq: Dlq, lying: Lying, number: int) -> None:
    ended = await dlq("show", str(PARTITION), str(lying.offsets[number]))
    assert ended.code == 0, ended.stderr
    assert f"{DEAD_LETTERS} [{PARTITION}] {lying.offsets[number]}" in ended.stdout
    assert "eyJ" not in ended.stdout
    assert "0912345678" not in ended.stdout
    assert ("Gọi bà [NAME], [PHONE]." in ended.stdout) == (number in (EMPTY, EXPIRED))


async def test_a_place_without_a_letter_is_said_to_have_none(dlq: Dlq, lying: Lying) -> None:
    for place in ((str(PARTITION), "99999999"), ("99", "0")):
        ended = await dlq("show", *place)
        assert ended.code == 2
        assert "DEAD_LETTER_MISSING" in ended.stderr


async def test_unmasked_is_for_operators_who_may_and_is_written_down(dlq: Dlq, lying: Lying) -> None:
    place = (str(PARTITION), str(lying.offsets[EMPTY]))
    for token, code in [
        ("", "CONFIGURATION"),
        ("x.y.z", "UNAUTHENTICATED"),
        (_token("a.b"), "PERMISSION_DENIED"),
    ]:
        ended = await dlq("show", *place, "--unmasked", token=token)
        assert (ended.code, ended.stdout) == (2, "")
        assert code in ended.stderr
    assert not (dlq.home / "audit.jsonl").exists()

    token = _token(UNMASK)
    ended = await dlq.process("show", *place, "--unmasked", token=token)

    assert ended.code == 0, ended.stderr
    assert TEXT in ended.stdout
    assert "eyJ" not in ended.stdout
    [line] = (dlq.home / "audit.jsonl").read_text().splitlines()
    written = json.loads(line)
    assert (written["subject"], written["partition"], written["offset"]) == ("u-7", PARTITION, int(place[1]))
    assert line in ended.stderr  # whatever the log level is
    assert "Hoa" not in line + ended.stderr
    assert token not in line + ended.stderr


async def test_an_audit_that_cannot_be_written_shows_nothing(dlq: Dlq, lying: Lying) -> None:
    dlq.home.write_text("a file where the folder should be")
    place = (str(PARTITION), str(lying.offsets[EMPTY]))
    ended = await dlq("show", *place, "--unmasked", token=_token(UNMASK))
    assert (ended.code, ended.stdout) == (2, "")
    assert "audit" in ended.stderr


async def test_export_keeps_the_bytes_and_leaves_tokens_out(dlq: Dlq, lying: Lying, tmp_path: Path) -> None:
    file = tmp_path / "letters.jsonl"
    ended = await dlq("export", str(file), "--since", lying.since)
    assert ended.code == 0, ended.stderr
    written = [json.loads(line) for line in file.read_text().splitlines()]
    assert f"{len(written)} letters written" in ended.stderr
    ours = {row["offset"]: row for row in written if row["partition"] == PARTITION}
    for letter, offset in zip(lying.letters, lying.offsets, strict=True):
        row = ours[offset]
        assert (_bytes(row["key_base64"]), _bytes(row["value_base64"])) == (letter.key, letter.value)
        headers = [(name, _bytes(value)) for name, value in row["headers_base64"]]
        assert headers == [header for header in letter.headers if header[0] != "authorization"]

    again = await dlq("export", str(file))
    assert again.code == 2
    assert "exists already" in again.stderr


async def test_purge_says_what_goes_and_then_cuts_at_the_time(
    fresh_kafka: StartBroker, tmp_path: Path
) -> None:
    servers = (await fresh_kafka()).bootstrap_servers
    dlq = Dlq(servers, tmp_path / "home")
    missing = await dlq.process("list")
    assert missing.code == 2
    assert "TOPIC_MISSING" in missing.stderr

    await make_topic(servers, DEAD_LETTERS, partitions=3)
    refused = await dlq("purge", "--before", "0m", "--yes")
    assert refused.code == 2
    assert "message.timestamp.type=CreateTime" in refused.stderr
    await _stamp_by_the_broker(servers)

    record = signed_record(signing_key(tmp_path / "keys"), TEXT)
    old = [letter_of(record, EmptyText()), letter_of(record, ModelUnavailable(model_type="x", reason="y"))]
    await send(servers, *old, partition=0)
    [last] = await send(servers, Letter(None, None, ()), partition=1)
    before = ["--before", await _a_moment_after(last.timestamp_ms)]
    await send(servers, letter_of(record, EmptyText()), partition=0)

    dry = await dlq("purge", *before)
    assert dry.code == 0, dry.stderr
    for said in (
        "3 letters",
        "1 reason EMPTY_TEXT",
        "1 reason MODEL_UNAVAILABLE",
        "1 reason (none)",
        "--yes",
    ):
        assert said in dry.stdout
    assert len((await dlq("list", "--json")).rows) == 4

    done = await dlq("purge", *before, "--yes")
    assert "deleted: partition 0 begins at offset 2 now" in done.stdout
    assert "deleted: partition 1 begins at offset 1 now" in done.stdout
    left = (await dlq("list", "--json")).rows
    assert [(row["partition"], row["offset"], row["reason"]) for row in left] == [(0, 2, "EMPTY_TEXT")]
    assert (await dlq("show", "0", "1")).code == 2
    assert "Nothing to delete" in (await dlq("purge", *before, "--yes")).stdout
    for wrong in ("2999-01-01T00:00:00Z", "2026-01-01"):  # not yet; in no zone
        assert (await dlq("purge", "--before", wrong, "--yes")).code == 2
    assert len((await dlq("list", "--json")).rows) == 1


def _token(*permissions: str) -> str:
    return mint_bearer(
        secret=SECRET,
        subject="u-7",
        role="admin",
        tenant_id="t1",
        permissions=permissions,
        now_s=int(datetime.now(UTC).timestamp()),
    )


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)


async def _stamp_by_the_broker(bootstrap_servers: str) -> None:
    stamped = {"message.timestamp.type": "LogAppendTime"}
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap_servers)
    await admin.start()
    try:
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, DEAD_LETTERS, configs=stamped)])
    finally:
        await admin.close()


async def _a_moment_after(time_ms: int) -> str:
    """That is over by now: whatever comes from now on comes later."""
    await eventually(lambda: datetime.now(UTC).timestamp() * 1000 > time_ms + 1, interval_s=0.001)
    return utc_text(time_ms + 1)
