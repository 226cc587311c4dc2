"""`mezzotint train release FOLDER`: joins the three trained parts into the files of one small model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mezzotint.cli.flags import Flag, word
from mezzotint.cli.settings import flags_of, made
from mezzotint.train.release import Runs, release


def flags() -> tuple[Flag, ...]:
    """The three run folders, where to write, and how weights are stored."""
    return (
        word("folder", Path, "folder to write to"),
        *flags_of(Runs, "run folders"),
        Flag("title", str, "name of the model for people", "Mini", group="model"),
        Flag("storage", str, "how weights are stored", "float16", group="model"),
    )


def run(given: Mapping[str, Any]) -> int:
    """Writes the files. Raises MezzotintError."""
    model = release(made(Runs, given), given["folder"], given["title"], given["storage"])
    print(f"{given['folder']}  {model.family.title}, digest {str(model.digest)[:12]}")
    return 0
