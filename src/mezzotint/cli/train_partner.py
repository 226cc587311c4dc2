"""`mezzotint train partner FOLDER --run RUN`: writes what was trained beside a model as its files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mezzotint.cli.flags import Flag, word
from mezzotint.train.partner import pack_run


def flags() -> tuple[Flag, ...]:
    """The run folder, where to write, and how weights are stored."""
    return (
        word("folder", Path, "folder to write to"),
        Flag("run", Path, "run folder of control, inpainting, upscaler or depth", required=True),
        Flag("title", str, "its name for people", "Partner"),
        Flag("storage", str, "how weights are stored", "int8"),
    )


def run(given: Mapping[str, Any]) -> int:
    """Writes the files. Raises MezzotintError."""
    what = pack_run(given["run"], given["folder"], given["title"], given["storage"])
    size = sum(path.stat().st_size for path in given["folder"].iterdir())
    print(f"{given['folder']}  {what.title}, {size / 1e6:.2f} MB")
    return 0
