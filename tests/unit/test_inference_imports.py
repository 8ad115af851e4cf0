"""Each side of the pipe imports its own half only: that keeps both small, and the child quick to start."""

from __future__ import annotations

import subprocess
import sys

import pytest

KAFKA = ("faust", "aiokafka")
MODELS = ("onnxruntime", "numpy", "tokenizers")


@pytest.mark.parametrize(
    ("module", "strangers"),
    [
        ("streams.inference.child", (*KAFKA, *MODELS)),
        ("streams.inference.engine", KAFKA),
        ("streams.inference.constant", (*KAFKA, *MODELS)),
        ("streams.inference.process", (*KAFKA, *MODELS)),
    ],
)
def test_a_side_of_the_pipe_does_not_import_the_others_libraries(
    module: str, strangers: tuple[str, ...]
) -> None:
    code = f"import sys, {module}; print(*sys.modules.keys() & {set(strangers)!r})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
