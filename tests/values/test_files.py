"""Atomic writing: a file is complete or absent, whatever interrupts."""

import os
from pathlib import Path
from typing import BinaryIO

import pytest

from mezzotint.values.errors import OutputFailed
from mezzotint.values.files import write_atomically


def test_a_file_appears_complete(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"new")]


def test_it_has_the_rights_of_any_new_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_atomically(tmp_path / "a", lambda file: file.write(b""))
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), ValueError("x"), KeyboardInterrupt()]
)
def test_nothing_stays_behind(tmp_path: Path, error: BaseException) -> None:
    (tmp_path / "a").write_bytes(b"old")

    def fill(file: BinaryIO) -> None:
        file.write(b"half")
        raise error

    with pytest.raises(OutputFailed if isinstance(error, OSError) else type(error)) as caught:
        write_atomically(tmp_path / "a", fill)
    if isinstance(error, OSError):
        assert str(caught.value).startswith(
            f"{tmp_path / 'a'}: could not be written: No space left on device; "
        )
    assert [(p.name, p.read_bytes()) for p in tmp_path.iterdir()] == [("a", b"old")]


def test_a_full_disk_at_the_last_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OutputFailed, match="No space left"):
        write_atomically(tmp_path / "a", lambda file: file.write(b"x"))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["absent/a", ".", "x" * 300])
def test_places_that_cannot_be_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(OutputFailed):
        write_atomically(tmp_path / name, lambda file: file.write(b"x"))
    assert list(tmp_path.iterdir()) == []
