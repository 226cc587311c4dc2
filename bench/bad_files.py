"""Opens every file of the tests that is no model, one after the other in one process: seconds and memory of each.

Takes the corpus of `tests/weights` (damaged and hostile safetensors, pickles and folders). Every one must end in a
typed error; what is printed is the time until it came and by how much this process had grown at most, without the child
that reads a pickle. Run `python bench/bad_files.py --help` for the settings.
"""

import argparse
import gc
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from opening import resident

from families.reduced import LETTERS
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.registry import open_model
from mezzotint.values.errors import MezzotintError
from mezzotint.values.recipe import ModelUse
from weights import bad_files, hostile

Put = Callable[[Path], Path]
"""Writes one item into an empty folder and gives its path."""


def corpus(exported: Path) -> Iterator[tuple[str, Put]]:
    """Every item by name."""
    for name in (*bad_files.BYTES, *bad_files.WEIGHTS):
        yield name, lambda folder, name=name: bad_files.put(name, folder)
    for name, (break_up, _) in bad_files.SHARDS.items():
        yield f"folder: {name}", lambda folder, act=break_up: broken(exported, folder, act)
    for name, made in hostile.CALLS.items():
        yield f"pickle: {name}", lambda folder, made=made: pickled(folder, made(folder / "harmed"))
    for name, (made, _) in hostile.DAMAGED.items():
        yield f"pickle: {name}", lambda folder, made=made: pickled(folder, made(folder / "harmed"))


def broken(exported: Path, folder: Path, act: Callable[[Path], None]) -> Path:
    """A copy of a good folder that `act` has broken."""
    copy = Path(shutil.copytree(exported, folder / "model"))
    (folder / "x.safetensors").write_bytes(b"")
    act(copy / "unet")
    return copy


def pickled(folder: Path, data: bytes) -> Path:
    """The pickle as a file."""
    (folder / "model.ckpt").write_bytes(data)
    return folder / "model.ckpt"


def measured(path: Path) -> tuple[float, float, str]:
    """Seconds until the error, megabytes that this process grew by at most, and the error. AssertionError: none."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
    before, start = resident("VmRSS"), perf_counter()
    try:
        open_model(ModelUse(base=str(path)))
    except MezzotintError as error:
        return perf_counter() - start, resident("VmHWM") - before, type(error).__name__
    raise AssertionError(f"{path} was opened")


def main() -> None:
    """Opens everything and prints the table, the worst first."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--all", action="store_true", help="print every item, not only the worst")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        os.environ["XDG_CACHE_HOME"] = f"{scratch}/cache"
        exported = Path(scratch) / "exported"
        export_diffusers(toy.make(LETTERS), exported)
        found: list[tuple[str, float, float, str]] = []
        for number, (name, put) in enumerate(corpus(exported)):
            folder = Path(scratch) / str(number)
            folder.mkdir()
            found.append((name, *measured(put(folder))))
            assert not (folder / "harmed").exists(), f"{name} ran"
            shutil.rmtree(folder)
    report(found, len(found) if given.all else 5)


def report(found: list[tuple[str, float, float, str]], shown: int) -> None:
    """Prints the items that took longest and those that took most."""
    total = sum(seconds for _, seconds, _, _ in found)
    print(f"{len(found)} items, {total:.1f} s together, load {os.getloadavg()[0]:.1f}")
    print(f"this process holds {resident('VmRSS'):.0f} MB at the end\n")
    print("| | seconds | extra MB at most | error |\n|---|---|---|---|")
    slow = sorted(found, key=lambda f: -f[1])[:shown]
    large = sorted(found, key=lambda f: -f[2])[:shown]
    for name, seconds, extra, error in dict.fromkeys([*slow, *large]):
        print(f"| {name} | {seconds:.2f} | {extra:.0f} | {error} |")


if __name__ == "__main__":
    main()
