"""What the embedded broker keeps on disk: private, whole, and honest about who holds it."""

from __future__ import annotations

import fcntl
from pathlib import Path

import pytest

from connectors.kafka.broker_files import DataFolder


@pytest.fixture
def folder(tmp_path: Path) -> DataFolder:
    """A folder on which a broker has run."""
    made = DataFolder(tmp_path / "kafka")
    with made.lock():
        made.choose_ports(None, "127.0.0.1")
        made.write_properties({"a": "b"})
    return made


def test_a_folder_that_a_broker_holds_tells_its_address(folder: DataFolder) -> None:
    with folder.lock():
        ports = folder.choose_ports(None, "127.0.0.1")
        assert folder.address_in_use() == f"127.0.0.1:{ports.clients}"


def test_a_folder_that_nobody_holds_has_no_address(folder: DataFolder, tmp_path: Path) -> None:
    assert folder.address_in_use() is None
    assert DataFolder(tmp_path / "elsewhere").address_in_use() is None


def test_somebody_who_asks_for_the_address_is_not_taken_for_a_broker(folder: DataFolder) -> None:
    with (folder.path / "lock").open("ab") as asking:
        fcntl.flock(asking, fcntl.LOCK_SH)
        assert folder.address_in_use() is None


def test_a_second_broker_does_not_get_the_folder(folder: DataFolder) -> None:
    with folder.lock(), pytest.raises(BlockingIOError):
        folder.lock()


def test_what_a_broker_keeps_is_its_owners_alone(folder: DataFolder) -> None:
    assert folder.path.stat().st_mode & 0o777 == 0o700
    assert folder.properties_file.stat().st_mode & 0o777 == 0o600
    assert folder.properties_file.read_text() == "a=b\n"


def test_ports_stay_with_the_folder_and_a_draft_that_was_interrupted_is_no_matter(folder: DataFolder) -> None:
    (folder.path / ".ports.json.new").write_text("{half")
    with folder.lock():
        first = folder.choose_ports(None, "127.0.0.1")
        assert folder.choose_ports(None, "127.0.0.1") == first
