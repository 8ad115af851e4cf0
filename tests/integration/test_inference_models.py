"""The child with models on disk: the whole way from files to answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from schemas.errors import ModelUnavailable
from schemas.taxonomy import MODEL_TYPES
from streams.inference.process import InferenceProcess
from streams.inference.protocol import Classification, Item
from streams.inference.spawn import onnx_child
from tests.support.tiny_models import tiny_store
from tests.support.waiting import eventually

ITEMS = [Item(name, "khách hàng yêu cầu xóa dữ liệu") for name in MODEL_TYPES]


async def test_child_answers_with_the_models_of_its_store(tmp_path: Path) -> None:
    store = tiny_store(tmp_path)
    async with InferenceProcess(onnx_child(store.folder, threads=2)) as process:
        assert {name: model.version for name, model in process.models.items()} == {
            name: model.version for name, model in store.models.items()
        }
        answers = await process.classify(ITEMS)
    assert all(isinstance(answer, Classification) for answer in answers)


@pytest.mark.parametrize("name", ["encoder.onnx", "heads.safetensors", "tokenizer.json"])
async def test_damaged_models_are_unavailable_until_they_are_mended(tmp_path: Path, name: str) -> None:
    store = tiny_store(tmp_path)
    file = store.folder / name
    whole = file.read_bytes()
    file.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    async with InferenceProcess(onnx_child(store.folder), longest_pause_s=0.2) as process:
        assert process.unavailable == "MODELS_DAMAGED"
        answers = await process.classify(ITEMS)
        assert all(isinstance(answer, ModelUnavailable) for answer in answers)
        file.write_bytes(whole)
        await eventually(lambda: process.unavailable is None, what="the models are back")
        assert all(isinstance(answer, Classification) for answer in await process.classify(ITEMS))


async def test_a_store_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    async with InferenceProcess(onnx_child(tmp_path / "nowhere")) as process:
        assert process.unavailable == "MODELS_DAMAGED"
        assert process.models == {}
