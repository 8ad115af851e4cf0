"""`veriaidpo models list|verify|convert`, as an operator meets them."""

from __future__ import annotations

import builtins
import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cli.commands.models import app
from connectors.model_store import MANIFEST, ModelStore, digest_of
from schemas.errors import MissingTool, ModelsDamaged
from schemas.taxonomy import MODEL_TYPES

MODELS = Path(__file__).parents[2] / "models"
STARTER = MODELS / "starter"
PROBE = MODELS / "probe" / "probe.jsonl"

runner = CliRunner()


@pytest.fixture
def copied(tmp_path: Path) -> Path:
    """A starter set that a test may damage."""
    return Path(shutil.copytree(STARTER, tmp_path / "starter"))


def test_list_shows_each_model_with_its_version() -> None:
    shown = runner.invoke(app, ["list", str(STARTER)], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    for name, model in ModelStore(STARTER).models.items():
        assert name in shown.output
        assert model.version[:19] in shown.output


def test_verify_prints_the_agreement_of_every_model() -> None:
    shown = runner.invoke(app, ["verify", str(STARTER)], env={"COLUMNS": "160"})
    assert shown.exit_code == 0
    assert all(name in shown.output for name in MODEL_TYPES)
    assert f"all {530 * len(MODEL_TYPES)} comparisons" in shown.output


def test_verify_refuses_a_damaged_encoder(copied: Path) -> None:
    with (copied / "encoder.onnx").open("r+b") as file:
        file.seek(1_000_000)
        file.write(b"\xff\x00\xff")
    shown = runner.invoke(app, ["verify", str(copied), "--probe", str(PROBE)])
    assert shown.exit_code != 0
    assert isinstance(shown.exception, ModelsDamaged)


def test_verify_ends_with_1_where_the_models_answer_otherwise_than_fp32_did(copied: Path) -> None:
    """The record of fp32's labels is changed, digests included: as if the models had drifted from it."""
    store = ModelStore(copied)
    fp32 = json.loads(store.fp32_labels_path.read_text(encoding="utf-8"))
    fp32["regional"][:40] = [(label + 1) % 3 for label in fp32["regional"][:40]]
    content = json.dumps(fp32).encode()
    store.fp32_labels_path.write_bytes(content)
    record = store.manifest.probe.fp32_labels.model_copy(
        update={"sha256": digest_of(content), "bytes": len(content)}
    )
    probe = store.manifest.probe.model_copy(update={"fp32_labels": record})
    manifest = store.manifest.model_copy(update={"probe": probe})
    (copied / MANIFEST).write_text(manifest.model_dump_json(), encoding="utf-8")
    shown = runner.invoke(app, ["verify", str(copied), "--probe", str(PROBE)], env={"COLUMNS": "160"})
    assert shown.exit_code == 1
    assert "Below 99% of all labels" in shown.output


def test_verify_without_a_probe_set_says_so(copied: Path) -> None:
    shown = runner.invoke(app, ["verify", str(copied)])
    assert isinstance(shown.exception, ModelsDamaged)
    assert "probe.jsonl" in shown.exception.text


def test_convert_without_torch_names_the_extra(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = builtins.__import__

    def without_torch(name: str, *args: object, **kwargs: object) -> object:
        if name == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return plain(name, *args, **kwargs)  # type: ignore[arg-type]

    monkeypatch.setattr(builtins, "__import__", without_torch)
    arguments = ["convert", str(tmp_path), str(tmp_path / "out"), "--probe", str(PROBE)]
    shown = runner.invoke(app, arguments)
    assert isinstance(shown.exception, MissingTool)
    assert "veriaidpo-streams[torch]" in shown.exception.text
