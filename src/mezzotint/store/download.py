"""Fetches a model from the Hugging Face hub into the model folder: the only place that speaks to the network.

Takes the name of a repository. Gives the folder with the files that drawing needs; a broken download goes on where
it stopped. Pickles are never fetched.
"""

from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from importlib import import_module
from pathlib import Path
from typing import Any

from mezzotint.families.shelf import INDEX, folders
from mezzotint.values.errors import BadValue, MezzotintError, shorten

WEIGHTS = "*.safetensors"
SMALL = ("*.json", "*.txt", "*.model")


class DownloadFailed(MezzotintError):
    """The hub could not be reached, or has no such model."""

    code = "download_failed"
    exit_code = 1


@dataclass(frozen=True)
class Wanted:
    """`name` is `owner/name`; `file` one file of it instead of the diffusers folder; `variant` as in `fp16`."""

    name: str
    file: str | None = None
    variant: str | None = None
    revision: str | None = None


def download(wanted: Wanted, into: Path | None = None) -> Path:
    """The folder, or the one file, that was fetched. `into` None is the first model folder.

    Raises BadValue for a name that is none, DownloadFailed with the reason.
    """
    owner, _, name = wanted.name.partition("/")
    plain = all(
        part and part.replace("-", "").replace("_", "").replace(".", "").isalnum() for part in (owner, name)
    )
    if not plain or ".." in wanted.name:
        raise BadValue("name", f"'{shorten(wanted.name)}' is not OWNER/NAME", "as in stabilityai/sd-turbo")
    folder = (into or folders()[0]) / owner / name
    hub: Any = import_module("huggingface_hub")
    with _told(wanted.name):
        listed = tuple(hub.list_repo_files(wanted.name, revision=wanted.revision))
    files = list(chosen(listed, wanted))
    with _told(wanted.name):
        hub.snapshot_download(wanted.name, revision=wanted.revision, local_dir=folder, allow_patterns=files)
    return folder / wanted.file if wanted.file else folder


@contextmanager
def _told(name: str) -> Generator[None]:
    """Inside, whatever the hub's client raises becomes one line; of which kind it is depends on its version."""
    try:
        yield
    except Exception as error:
        reason = shorten((str(error).strip() or type(error).__name__).splitlines()[0], 200)
        hint = "check the name and the connection, then try again: it goes on where it stopped"
        raise DownloadFailed(f"{name} could not be fetched: {reason}", hint=hint) from error


def chosen(files: tuple[str, ...], wanted: Wanted) -> tuple[str, ...]:
    """Of the `files` of a repository, those to fetch. Raises DownloadFailed when nothing there can draw."""
    if wanted.file is not None:
        if wanted.file in files:
            return (wanted.file,)
        raise _nothing(wanted, f"has no file {shorten(wanted.file)}", files)
    if INDEX not in files:
        raise _nothing(wanted, "is no diffusers folder", files)
    ending = f".{wanted.variant}.safetensors" if wanted.variant else ".safetensors"
    weights = [f for f in files if "/" in f and fnmatch(f, WEIGHTS) and _is_variant(f, wanted.variant)]
    if not weights:
        raise _nothing(wanted, f"has no weights that end in {ending}", files)
    small = [f for f in files if any(fnmatch(f, pattern) for pattern in SMALL)]
    return (*small, *weights)


def _is_variant(file: str, variant: str | None) -> bool:
    stem = file.rpartition("/")[2].removesuffix(".safetensors").split(".")
    return variant in stem[1:] if variant else all(part.startswith("index") for part in stem[1:])


def _nothing(wanted: Wanted, reason: str, files: tuple[str, ...]) -> DownloadFailed:
    single = [file for file in files if fnmatch(file, WEIGHTS) and "/" not in file]
    hint = (
        f"choose one of its files with --file: {', '.join(single[:5])}" if single else "choose another model"
    )
    return DownloadFailed(f"{wanted.name} {reason}", hint=hint)
