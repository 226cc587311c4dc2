"""Times to the first and to the next picture, ours beside diffusers with the same weights, as a markdown table.

Exports a model to a diffusers folder, then lets both draw the same picture in turn (A B A B), each time in a fresh
process. Times are medians of wall seconds; processor seconds stand beside them, because they suffer less from other
work on the machine. Run `python bench/first_picture.py --help` for the settings.
"""

import argparse
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter

HERE = Path(__file__).resolve().parent
PROMPT = "a red apple, 3d render"


@dataclass(frozen=True)
class Time:
    """Wall and processor seconds of one process, and what it told about itself."""

    wall: float
    cpu: float
    told: Mapping[str, float]


def timed(words: Sequence[str], environment: Mapping[str, str], tells: bool = False) -> Time:
    """Runs a process and times it; one that `tells` prints a JSON object as its last line."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), perf_counter()
    done = subprocess.run(
        words, env={**os.environ, **environment}, capture_output=True, text=True, check=False
    )
    wall, after = perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"{' '.join(words)} failed:\n{done.stderr}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Time(wall, cpu, json.loads(done.stdout.splitlines()[-1]) if tells else {})


def starts(rounds: int, environment: Mapping[str, str]) -> list[str]:
    """Rows for what comes before any picture."""
    python = sys.executable
    cases = {
        "`python -c pass`": [python, "-c", "pass"],
        "`import mezzotint`": [python, "-c", "import mezzotint"],
        "`mezzotint --help`": [python, "-m", "mezzotint", "--help"],
        "`import torch`": [python, "-c", "import torch"],
    }
    found: dict[str, list[Time]] = {name: [] for name in cases}
    for _ in range(rounds):
        for name, words in cases.items():
            found[name].append(timed(words, environment))
    return [
        f"| {name} | {median(t.wall for t in times):.3f} | {median(t.cpu for t in times):.3f} |"
        for name, times in found.items()
    ]


def export(model: str, folder: Path, environment: Mapping[str, str]) -> dict[str, object]:
    """Writes `model` as a diffusers folder; gives the settings both sides draw with."""
    code = (
        "import json, sys; from mezzotint import compose, convert; "
        "convert(sys.argv[1], sys.argv[2]); "
        "r = compose('x', model=sys.argv[1]); print(json.dumps({'width': r.width, 'height': r.height, "
        "'guidance': r.passes[0].guides[0].scale if r.passes[0].guides else 1.0}))"
    )
    words = [sys.executable, "-c", code, model, str(folder)]
    return dict(timed(words, environment, tells=True).told)


def pictures(arguments: argparse.Namespace, environment: Mapping[str, str]) -> list[str]:
    """Rows for the first and the next picture of both, and their ratio."""
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        settings = export(arguments.model, folder, environment)
        settings |= {"prompt": PROMPT, "steps": arguments.steps, "seed": 0, "threads": arguments.threads}
        settings |= {"repeats": arguments.repeats, "out": str(Path(scratch) / "picture.png")}
        programs = {"mezzotint": ("ours.py", arguments.model), "diffusers": ("theirs.py", str(folder))}
        found: dict[str, list[Time]] = {name: [] for name in programs}
        for _ in range(arguments.rounds):
            for name, (script, model) in programs.items():
                words = [sys.executable, str(HERE / script), json.dumps({**settings, "model": model})]
                found[name].append(timed(words, environment, tells=True))
    rows = [
        row("cold process to first picture, s", found, lambda t: t.told["cold"]),
        row("the same, processor seconds", found, lambda t: t.told["cold_cpu"]),
        row("next picture, s", found, lambda t: t.told["warm"]),
        row("the same, processor seconds", found, lambda t: t.told["warm_cpu"]),
    ]
    what = f"`{arguments.model}`, {settings['width']}x{settings['height']}, {arguments.steps} steps, Euler"
    guided = f"guidance {settings['guidance']}, float32, at most {arguments.threads} threads, {arguments.rounds} rounds"
    return [f"{what}, {guided}", "", "| | mezzotint | diffusers | ratio |", "|---|---|---|---|", *rows]


def row(title: str, found: Mapping[str, Sequence[Time]], of: Callable[[Time], float]) -> str:
    """One row: the medians of both and ours over theirs."""
    ours, theirs = (median(of(time) for time in found[name]) for name in ("mezzotint", "diffusers"))
    return f"| {title} | {ours:.2f} | {theirs:.2f} | {ours / theirs:.2f} |"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="mini", help="built-in name, file or folder [mini]")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes of each [5]")
    parser.add_argument("--repeats", type=int, default=5, help="next pictures in each process [5]")
    given = parser.parse_args()
    fixed = {"OMP_NUM_THREADS": str(given.threads), "HF_HUB_OFFLINE": "1"}
    print(f"{platform.machine()}, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    print("| start | wall s | processor s |\n|---|---|---|")
    print("\n".join(starts(given.rounds, fixed)), flush=True)
    print()
    print("\n".join(pictures(given, fixed)))
