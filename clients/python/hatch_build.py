"""Puts the service's schemas/ and connectors/publishing/ into veriaidpo_client.

Their absolute imports (`from schemas…`) become `from veriaidpo_client.schemas…`: names as general as
`schemas` never reach somebody's site-packages. A source distribution carries the rewritten files, so a wheel
can be built from it without the service's tree.
"""

from __future__ import annotations

import ast
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PACKAGE = "veriaidpo_client"
SOURCES = {"schemas": "schemas", "connectors/publishing": "publishing"}
ROOMS = frozenset({"api", "cli", "connectors", "schemas", "streams"})
SUFFIXES = frozenset({".py", ".avsc"})


class SharedSources(BuildHookInterface[Any]):
    """Adds the rewritten files to a wheel or a source distribution."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        tree = Path(self.root).parent.parent
        if not (tree / "schemas").is_dir():
            return  # built from a source distribution: the files are there already
        self._scratch = tempfile.TemporaryDirectory()
        for source, name in SOURCES.items():
            for path, content in _rewritten(tree / source):
                target = Path(self._scratch.name) / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(content)
                build_data["force_include"][str(target)] = f"{PACKAGE}/{name}/{path.as_posix()}"
        for name in ("LICENSE", "NOTICE"):
            build_data["force_include"][str(tree / name)] = f"{PACKAGE}/{name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_scratch"):
            self._scratch.cleanup()


def _rewritten(folder: Path) -> Iterator[tuple[Path, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix not in SUFFIXES or "__pycache__" in path.parts:
            continue
        content = path.read_bytes()
        if path.suffix == ".py":
            content = re.sub(
                rb"^(\s*)from schemas\b", rb"\1from veriaidpo_client.schemas", content, flags=re.M
            )
            _check(path, content)
        yield path.relative_to(folder), content


def _check(path: Path, content: bytes) -> None:
    """Stop the build where a module would still reach for a room of the service."""
    for node in ast.walk(ast.parse(content)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module or ""]
        else:
            continue
        for name in names:
            if name.split(".")[0] in ROOMS:
                raise ValueError(f"{path} line {node.lineno} imports {name}, which the client doesn't ship")
