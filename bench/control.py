"""What control costs: seconds a step and peak memory with a ControlNet, a T2I-Adapter or an IP-Adapter, and without.

Every case runs in a fresh process, ours and diffusers in turn, on the same random weights: SD 1's UNet at a fraction of
its widths, with the toy's text encoder, autoencoder and vision tower. Guidance takes two texts a step. Told are medians
over the steps of all rounds but the first of each: wall seconds, and seconds of processor time, which a busy machine
changes less; and the largest resident set. Run `python bench/control.py --help`.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

from PIL import Image, ImageDraw

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
from engine.followers import (  # the tests make such files, too
    adapter_file,
    controlnet_file,
    image_prompt_file,
)
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.family import Family
from mezzotint.families.sd1 import SD1
from mezzotint.values.events import Stepped

PROMPT, SEED, GUIDANCE = "a red apple", 7, 5.0
HINT = (16, 32, 96, 256)
"""The widths of SD 1's ControlNets on the way from pixels to the latent."""
KINDS = ("nothing", "ControlNet", "T2I-Adapter", "IP-Adapter")
Times = list[tuple[float, float]]
"""Wall seconds and seconds of processor time, by step."""


def reduced(fraction: int) -> Family:
    """SD 1 with its widths divided by `fraction`, and the toy's other parts."""
    geometry = SD1.unet
    channels = tuple(width // fraction for width in geometry.channels)
    groups = 32 if all(width % 32 == 0 for width in channels) else 8
    return replace(
        toy.TOY,
        denoiser=replace(geometry, channels=channels, context=toy.TOY.unet.context, norm_groups=groups),
    )


def prepare(folder: Path, fraction: int, side: int) -> None:
    """Writes the model, what steers it, and a picture."""
    family = reduced(fraction)
    export_diffusers(toy.make(family), folder / "model")
    controlnet_file(folder / "ControlNet.safetensors", family.unet, hint=HINT)
    adapter_file(folder / "T2I-Adapter.safetensors", family.unet)
    image_prompt_file(folder / "IP-Adapter.safetensors", family.unet)
    photo = Image.new("RGB", (side, side), (250, 240, 200))
    ImageDraw.Draw(photo).ellipse((side // 8, side // 8, side * 3 // 4, side // 2), fill=(200, 30, 40))
    photo.save(folder / "photo.png")


def ours(folder: Path, kind: str, given: argparse.Namespace) -> Times:
    """The steps of one picture with this program."""
    file, photo = folder / f"{kind}.safetensors", folder / "photo.png"
    recipe = compose(
        PROMPT,
        model=str(folder / "model"),
        sampler="euler",
        spacing="leading",
        seed=SEED,
        guidance=GUIDANCE,
        steps=given.steps,
        width=given.size,
        height=given.size,
        control=[f"{file}:image={photo}"] if kind in ("ControlNet", "T2I-Adapter") else [],
        image_prompt=[f"{file}:{photo}"] if kind == "IP-Adapter" else [],
    )
    found: Times = []
    before = process_time()
    for event in Engine("cpu", given.threads).run(recipe):
        if isinstance(event, Stepped):
            found.append((event.seconds, process_time() - before))
        before = process_time()
    return found


SIDES = {"ours": "control.py", "diffusers": "control_theirs.py"}


def peak() -> float:
    """The largest resident set of this process since it was started, in MB (Linux)."""
    (line,) = re.findall(r"VmHWM:\s*(\d+) kB", Path("/proc/self/status").read_text())
    return int(line) / 1e3


def measured(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str, float, float, float]]:
    """For each kind and side: wall and processor seconds of a step, and the peak in MB; medians."""
    every: dict[tuple[str, str], list[dict[str, Any]]] = {}
    numbers = ("fraction", "size", "steps", "threads")
    settings = [word for name in numbers for word in (f"--{name}", str(getattr(given, name)))]
    for number in range(given.rounds):
        for kind in KINDS:
            for side in sorted(SIDES, reverse=number % 2 == 0):
                script = str(Path(__file__).with_name(SIDES[side]))
                child = [sys.executable, script, *settings, "--child", kind, str(folder)]
                out = subprocess.run(child, check=True, capture_output=True, text=True).stdout
                every.setdefault((kind, side), []).append(json.loads(out.splitlines()[-1]))
    for (kind, side), rounds in every.items():
        steps = [step for one in rounds for step in one["steps"][1:]]
        wall, used = (median(step[i] for step in steps) for i in (0, 1))
        yield kind, side, wall, used, median(one["peak"] for one in rounds)


def settings() -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--fraction", type=int, default=4, help="by how much SD 1's widths are divided")
    parser.add_argument("--size", type=int, default=256, help="pixels of a side")
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--child", nargs=2, help=argparse.SUPPRESS)
    return parser.parse_args()


def tell(steps: Times) -> None:
    """Print what a child found."""
    print(json.dumps({"steps": steps, "peak": peak()}))


def main() -> None:
    """Runs all cases, or, as a child, one of ours."""
    given = settings()
    if given.child:
        kind, folder = given.child
        tell(ours(Path(folder), kind, given))
        return
    with TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, given.fraction, given.size)
        before = os.getloadavg()[0]
        rows = {(kind, side): row for kind, side, *row in measured(given, folder)}
    print(f"load {before:.1f} at the start, {os.getloadavg()[0]:.1f} at the end, {os.cpu_count()} processors")
    print("| | ours: s/step, CPU s/step, MB | diffusers | ratio | ours over nothing | theirs over nothing |")
    for kind in KINDS:
        mine, other = rows[kind, "ours"], rows[kind, "diffusers"]
        cells = [f"{a:.2f}, {b:.2f}, {c:.0f}" for a, b, c in (mine, other)]
        cells.append(", ".join(f"{a / b:.2f}" for a, b in zip(mine, other, strict=True)))
        for side, row in (("ours", mine), ("diffusers", other)):
            cells.append(", ".join(f"{a / b:.2f}" for a, b in zip(row, rows["nothing", side], strict=True)))
        print(f"| {kind} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
