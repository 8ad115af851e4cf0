"""Reading request lines, pacing them, and refusing tokens outside development."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from cli.main import build
from cli.publish_output import TableOutput
from cli.publish_run import Options, Outcome, Pace, publish_lines
from cli.request_lines import MalformedLine, RequestLine, parse_line, read_lines
from cli.result_output import result_fields
from cli.roles import ROLES
from connectors.publishing.client import VeriAIDPOClient
from connectors.publishing.kafka_client import TopicMissing
from schemas.claims import verify_bearer
from schemas.errors import ConfigurationError, EmptyText
from schemas.events import ClassificationRequest
from tests.support.responder import result_for

SECRET = "a-secret-that-callers-are-verified-with"


def test_a_line_needs_only_a_text_and_fields_of_others_are_left_alone() -> None:
    assert parse_line(1, '{"text": "Đồng ý", "label": 3}'.encode()) == RequestLine(1, "Đồng ý")
    line = b'{"text": "x", "model_type": "regional", "language": "en", "request_id": "r-1"}'
    assert parse_line(2, line) == RequestLine(2, "x", "regional", "en", "r-1")


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b"[]",
        b'"text"',
        b"{}",
        b'{"text": 7}',
        b'{"text": "x", "language": 1}',
        b"\xff\xfe\xfd",
        b"[" * 9999,
    ],
)
def test_a_line_that_is_no_request_is_malformed_and_keeps_its_number(line: bytes) -> None:
    found = parse_line(41, line)
    assert isinstance(found, MalformedLine)
    assert found.number == 41
    assert found.text != found.text_vi


async def test_blank_lines_are_counted_and_not_sent(tmp_path: Path) -> None:
    file = tmp_path / "requests.jsonl"
    file.write_bytes(b'\xef\xbb\xbf{"text": "a"}\n\n   \n{"text": "b"}')
    found = [line async for line, _ in read_lines(file)]
    assert found == [RequestLine(1, "a"), RequestLine(4, "b")]


async def test_pace_is_even_and_a_stall_is_not_made_up_for_by_a_burst() -> None:
    now, sent = [0.0], list[float]()

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    pace = Pace(10, clock=lambda: now[0], sleep=sleep)
    for number in range(6):
        if number == 3:
            now[0] += 5.0
        await pace.wait()
        sent.append(round(now[0], 3))
    assert sent[:3] == [0.0, 0.1, 0.2]
    assert sent[3] == 5.2
    assert sent[5] >= 5.3


class Refusing(VeriAIDPOClient):
    """Publishes nothing; fails as it is told to."""

    def __init__(self, failures: dict[str, Exception]) -> None:
        self.failures = failures

    async def publish(self, text: str, **options: object) -> str:
        if text in self.failures:
            raise self.failures[text]
        return "r"


async def _lines(*texts: str) -> AsyncIterator[tuple[RequestLine | MalformedLine, int]]:
    for number, text in enumerate(texts, start=1):
        line = MalformedLine(number, "why", "vì sao") if text == "malformed" else RequestLine(number, text)
        yield line, 1


async def test_a_line_that_fails_is_reported_and_the_rest_goes_on() -> None:
    outcomes: list[Outcome] = []
    client = Refusing({" ": EmptyText()})
    options = Options(tenant_id="t1", model_type="principles", in_flight=2)
    lines = _lines("a", "malformed", " ", "b", "c")
    await publish_lines(client, lines, options, lambda outcome, _: outcomes.append(outcome))
    assert {outcome.number for outcome in outcomes if outcome.problem is None} == {1, 4, 5}
    assert {outcome.number for outcome in outcomes if outcome.problem is not None} == {2, 3}


async def test_a_missing_topic_ends_the_run_with_its_own_error() -> None:
    client = Refusing({"a": TopicMissing(topic="veriaidpo.requests.x", command="veriaidpo topics create")})
    options = Options(tenant_id="t1", model_type="principles")
    with pytest.raises(TopicMissing):
        await publish_lines(client, _lines("a", "b"), options, lambda outcome, size: None)


def _token(monkeypatch: pytest.MonkeyPatch, home: Path, mode: str, *arguments: str) -> str:
    monkeypatch.setenv("VERIAIDPO_MODE", mode)
    monkeypatch.setenv("VERIAIDPO_HOME", str(home))
    result = CliRunner().invoke(build(["token"]), ["token", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout.strip()


@pytest.mark.parametrize("role", ROLES)
def test_development_token_carries_its_roles_permissions(
    role: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("JWT_SECRET_KEY", SECRET)
    token = _token(monkeypatch, tmp_path, "development", "--role", role, "--tenant", "t1")
    caller = verify_bearer(token, secret=SECRET, now_s=0)
    assert (caller.role, caller.tenant_id, caller.permissions) == (role, "t1", ROLES[role])


def test_staff_reads_no_analytics_and_a_viewer_classifies_nothing() -> None:
    assert "analytics.read" not in ROLES["staff"]
    assert "processing_activity.read" not in ROLES["viewer"]
    assert "processing_activity.read" in ROLES["dpo"]


def test_token_is_signed_with_the_installations_own_secret_where_none_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("JWT_SECRET_KEY", raising=False)
    token = _token(monkeypatch, tmp_path, "development", "--role", "dpo", "--tenant", "t1", "--expires", "60")
    secret = (tmp_path / "jwt-secret").read_text().strip()
    assert verify_bearer(token, secret=secret, now_s=0).subject == "development-dpo"


def test_token_is_refused_outside_development_mode(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="development mode only"):
        _token(monkeypatch, tmp_path, "production", "--role", "dpo", "--tenant", "t1")
    assert not list(tmp_path.iterdir())


def test_a_text_in_a_table_is_no_markup_and_no_command_to_the_terminal() -> None:
    request = ClassificationRequest("r", "t1", "principles", "vi", "a[/b] \x1b]0;title\x07 [red]b[COMPANY]")
    console = Console(file=StringIO(), width=200, force_terminal=True)
    table = TableOutput(console)
    table.add(Outcome(1, "r", "principles", 0.1, result=result_for(request, 1)))
    table.close()

    assert isinstance(console.file, StringIO)
    shown = console.file.getvalue()
    assert "a[/b]  ]0;title  [red]b[COMPANY]" in shown
    assert "\x1b]" not in shown
    assert "\x07" not in shown


def test_answers_as_json_lines_hold_the_normalised_text_and_both_labels() -> None:
    result = result_for(ClassificationRequest("r", "t1", "principles", "vi", "[COMPANY] xử lý"), 1)
    fields = json.loads(json.dumps(result_fields(result)))
    assert fields["normalized_text"] == "[COMPANY] xử lý"
    assert fields["prediction_vi"]
