"""Opens a model of SD 1.5 geometry: seconds and memory, beside reading its bytes and diffusers.

Writes a file of seeded random weights (2 GB) and the same as a diffusers folder, then measures each case in turn, every
time in a fresh process: A B C A B C. What is printed are medians, and ratios to reading the file once into fresh
memory. The file is read once before, so no disk is measured. Run `python bench/opening.py --help` for the settings.
"""

# ruff: noqa: PLC0415 - a process imports what its own case measures, and nothing else

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

NAME = "model.safetensors"


def make(folder: Path) -> None:
    """Writes the file and the folder, with weights from one seed."""
    import torch

    from mezzotint.families.assemble import empty_model, weights_of
    from mezzotint.families.sd1 import SD1
    from mezzotint.families.tables import single_file_of
    from mezzotint.store.convert import convert
    from mezzotint.weights.files import InMemory, save_tensors

    torch.manual_seed(0)
    shapes = {n: tuple(t.shape) for n, t in weights_of(empty_model(SD1).networks).items()}
    ours = {name: torch.randn(shape, dtype=torch.float16) * 0.02 for name, shape in shapes.items()}
    save_tensors(single_file_of(SD1).export(InMemory(folder / NAME, ours)), folder / NAME)
    del ours
    convert(str(folder / NAME), folder / "diffusers")


def resident(field: str) -> float:
    """Megabytes that this process has in memory (`VmRSS`) or had at most (`VmHWM`) (Linux)."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(field)).split()[1]) / 1024


def reading(folder: Path) -> Callable[[], object]:
    """Reads the file into fresh memory."""

    def act() -> object:
        data = memoryview(bytearray_of((folder / NAME).stat().st_size))
        with (folder / NAME).open("rb", buffering=0) as file:
            done = 0
            while done < len(data):
                done += file.readinto(data[done : done + 2**26])
        return data

    return act


def bytearray_of(size: int) -> memoryview:
    """Fresh memory that nobody has touched."""
    import torch

    return torch.empty(size, dtype=torch.uint8).numpy().data


def recognising(folder: Path) -> Callable[[], object]:
    """Finds out what the file is."""
    from mezzotint.families.registry import find
    from mezzotint.values.recipe import ModelUse

    return lambda: find(ModelUse(base=str(folder / NAME)))


def opening(folder: Path, dtype: str) -> Callable[[], object]:
    """Opens the file with all networks in `dtype`, every value looked at."""
    import torch

    from mezzotint.families.registry import find, open_model
    from mezzotint.values.recipe import ModelUse

    types: dict[str, torch.dtype] = dict.fromkeys(("unet", "autoencoder", "text"), getattr(torch, dtype))
    return lambda: open_model(find(ModelUse(base=str(folder / NAME))), types)


def theirs(folder: Path, dtype: str, single: bool) -> Callable[[], object]:
    """Opens the file, or the folder, with diffusers."""
    import torch
    from diffusers.pipelines.stable_diffusion.pipeline_stable_diffusion import StableDiffusionPipeline

    rest = {"torch_dtype": getattr(torch, dtype), "safety_checker": None, "local_files_only": True}
    if single:
        configs = str(folder / "diffusers")
        return lambda: StableDiffusionPipeline.from_single_file(str(folder / NAME), config=configs, **rest)
    return lambda: StableDiffusionPipeline.from_pretrained(str(folder / "diffusers"), **rest)


CASES: dict[str, Callable[[Path], Callable[[], object]]] = {
    "read the bytes into fresh memory": reading,
    "recognise": recognising,
    "open, float16 as stored": lambda f: opening(f, "float16"),
    "open, cast to float32": lambda f: opening(f, "float32"),
    "diffusers from_single_file, float16": lambda f: theirs(f, "float16", True),
    "diffusers from_pretrained, float16": lambda f: theirs(f, "float16", False),
    "diffusers from_single_file, float32": lambda f: theirs(f, "float32", True),
}


def one(case: str, folder: Path) -> None:
    """Measures one case in this process and tells it as JSON."""
    act = CASES[case](folder)
    gc.collect()
    before, start, used = resident("VmRSS"), perf_counter(), process_time()
    kept = act()
    told = {"wall": perf_counter() - start, "cpu": process_time() - used}
    told |= {"peak": resident("VmHWM") - before, "kept": resident("VmRSS") - before}
    print(json.dumps(told))
    del kept


def main() -> None:
    """Makes the files, runs every case in turn and prints the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="keep the files here, and use them when they are there")
    parser.add_argument("--case", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.case:
        one(given.case, given.folder)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = given.folder or Path(scratch)
        folder.mkdir(parents=True, exist_ok=True)
        if not (folder / "diffusers").exists():
            make(folder)
        size = (folder / NAME).stat().st_size / 2**20
        found: dict[str, list[dict[str, float]]] = {case: [] for case in CASES}
        for case in ["read the bytes into fresh memory", *list(CASES) * given.rounds]:
            words = [sys.executable, __file__, "--case", case, "--folder", str(folder)]
            done = subprocess.run(words, capture_output=True, text=True, check=False)
            if done.returncode:
                print(f"{case} failed: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
                continue
            found[case].append(json.loads(done.stdout.splitlines()[-1]))
    base = median(told["cpu"] for told in found["read the bytes into fresh memory"][1:])
    print(f"{size:.0f} MB, {given.rounds} rounds, load {os.getloadavg()[0]:.1f}\n")
    print(
        "| | wall s | processor s | ratio | least processor s | peak MB | kept MB |\n|---|---|---|---|---|---|---|"
    )
    for case, times in found.items():
        if times:
            wall, cpu, peak, kept = (median(t[k] for t in times) for k in ("wall", "cpu", "peak", "kept"))
            least = min(t["cpu"] for t in times)
            print(
                f"| {case} | {wall:.2f} | {cpu:.2f} | {cpu / base:.2f} | {least:.2f} | {peak:.0f} | {kept:.0f} |"
            )


if __name__ == "__main__":
    main()
