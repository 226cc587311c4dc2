"""The training loop of all trainers: steps, rates, averages, checkpoints, samples, clean stops.

Takes a `Task` (modules, batches, losses, samples) and a `LoopConfig`; leaves a run folder with checkpoints, loss.csv,
loss.png and samples. A run that was killed goes on from its last checkpoint and, when its length is given in steps,
ends with the very same bits: batches and random numbers are a function of the seed and the step alone. Knows no
network, no data set and no prompts.
"""

import dataclasses
import json
import math
import signal
import time
from collections import abc
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Literal, Protocol

import torch
from PIL import Image
from torch import Generator, Tensor, nn

from mezzotint.train import checkpoint
from mezzotint.train.checkpoint import Checkpoint
from mezzotint.train.ema import Average
from mezzotint.train.report import Report, draw_curve
from mezzotint.train.samples import split
from mezzotint.train.typed import load_tensors
from mezzotint.values.errors import BadValue, WeightsMismatch

RUN = "run.json"


@dataclass(frozen=True)
class LoopConfig:
    """How to run. The run ends after `steps`, or after `minutes` of training when given, whichever is first; the
    rate warms up over `warm_up` steps, then falls along a cosine to `rate_end` of itself at the end. `shards` parts
    of each batch are computed by as many threads of Python, which on a busy machine loses less time than sharing
    every operation among `threads`."""

    out: Path
    steps: int = 1_000_000
    minutes: float | None = None
    rate: float = 1e-4
    rate_end: float = 0.05
    warm_up: int = 100
    betas: tuple[float, float] = (0.9, 0.99)
    decay: float = 0.01
    clip: float = 1.0
    average: float = 0.999
    average_from: int = 0
    save_every: int = 500
    sample_every: int = 250
    log_every: int = 10
    seed: int = 0
    device: str = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    compile: bool = False
    threads: int | None = None
    shards: int = 1
    init_from: Path | None = None


@dataclass(frozen=True)
class Turn:
    """One optimiser step: the `loss` to go down for the parameters of module `name`, and figures to report."""

    name: str
    loss: Tensor
    figures: Mapping[str, Tensor]


class Task(Protocol):
    """What a trainer gives to the loop."""

    title: str
    figures: tuple[str, ...]
    modules: dict[str, nn.Module]
    averaged: tuple[str, ...]

    def description(self) -> dict[str, Any]:
        """Geometry and settings as JSON, for run.json."""
        ...

    def compiled(self) -> tuple[nn.Module, ...]:
        """The modules worth compiling."""
        ...

    def batches(self, start: int) -> Iterator[Any]:
        """The batches of steps `start`, `start` + 1, ...: a function of the seed and the step alone."""
        ...

    def turns(self, step: int, batch: Any, generator: Generator) -> Iterator[Turn]:
        """The losses of one step; each is minimised before the next is asked for."""
        ...

    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image | None:
        """A picture of what the averaged `modules` can do."""
        ...


@dataclass(frozen=True)
class Outcome:
    """How a run ended."""

    step: int
    seconds: float
    reason: Literal["steps", "minutes", "stopped"]
    checkpoint: Path


def rate_at(config: LoopConfig, step: int, seconds: float) -> float:
    """The learning rate of `step` (from 0) after `seconds` of training."""
    warm = min(1.0, (step + 1) / max(1, config.warm_up))
    along = progress(config, step, seconds)
    fall = config.rate_end + (1 - config.rate_end) * 0.5 * (1 + math.cos(math.pi * along))
    return config.rate * warm * fall


def progress(config: LoopConfig, step: int, seconds: float) -> float:
    """The part of the run, in 0..1, that is behind at `step`."""
    timed = 0.0 if config.minutes is None else seconds / (60 * config.minutes)
    return min(1.0, max(step / config.steps, timed))


def step_seed(seed: int, step: int) -> int:
    """A seed for the random numbers of one step (splitmix64 of both), so that no generator state has to be saved."""
    z = (seed * 0x9E3779B97F4A7C15 + step + 1) & (2**64 - 1)
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & (2**64 - 1)
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & (2**64 - 1)
    return (z ^ (z >> 31)) >> 1


class Run:
    """The state of a run: modules, averages, optimisers and the step; saved and read back bit for bit."""

    def __init__(self, task: Task, config: LoopConfig) -> None:
        self.task, self.config = task, config
        self.step, self.seconds = 0, 0.0
        for module in task.modules.values():
            module.to(config.device).train()
        self.names = {
            key: [n for n, p in m.named_parameters() if p.requires_grad] for key, m in task.modules.items()
        }
        fused = config.device != "cpu"
        self.optimizers = {
            key: torch.optim.AdamW(
                [p for p in m.parameters() if p.requires_grad],
                config.rate,
                config.betas,
                1e-8,
                config.decay,
                fused=fused,
            )
            for key, m in task.modules.items()
        }
        self.workers = ThreadPoolExecutor(config.shards)
        self.average = Average({key: task.modules[key] for key in task.averaged}, config.average)

    def restore(self) -> bool:
        """Go on from the newest checkpoint of the run folder, else start from `init_from`; True when resumed."""
        every = checkpoint.saved(self.config.out)
        if every:
            self._resume(checkpoint.read(every[-1]))
        elif self.config.init_from is not None:
            self._begin_from(self.config.init_from)
        return bool(every)

    def _resume(self, found: Checkpoint) -> None:
        _load(self.task.modules, found.tensors["weights"], self.config.out)
        _load(self.average.modules, found.tensors["average"], self.config.out)
        for key, optimizer in self.optimizers.items():
            flat = found.tensors["optimizer"]
            checkpoint.restore_optimizer(optimizer, self.names[key], key, flat)
        self.step, self.seconds = int(found.state["step"]), float(found.state["seconds"])
        self.average.updates = int(found.state["updates"])

    def _begin_from(self, path: Path) -> None:
        """Averaged weights of another run (folder) or a safetensors file, with a fresh optimiser."""
        tensors = (
            load_tensors(path)
            if path.is_file()
            else checkpoint.read(checkpoint.latest(path)).tensors["average"]
        )
        present = {key: m for key, m in self.task.modules.items() if key in self.task.averaged}
        _load(present, tensors, path)
        self.average.restart(self.task.modules)

    def save(self) -> Path:
        """Write a checkpoint."""
        optimizer: dict[str, Tensor] = {}
        for key, one in self.optimizers.items():
            optimizer |= checkpoint.flatten_optimizer(one, self.names[key], key)
        groups = {
            "weights": _flat(self.task.modules),
            "average": _flat(self.average.modules),
            "optimizer": optimizer,
        }
        state = {"step": self.step, "seconds": self.seconds, "updates": self.average.updates}
        return checkpoint.save(self.config.out, self.step, Checkpoint(groups, state))

    def advance(self, batch: Any) -> dict[str, float]:
        """One step: every turn's loss goes down once; gives the figures."""
        count = self.config.shards
        rate = rate_at(self.config, self.step, self.seconds)
        parts = split(batch, count)
        turns = [self.task.turns(self.step, part, self._generator(k)) for k, part in enumerate(parts)]
        sums: dict[str, float] = {}
        fresh = True
        while fresh:
            # gradients are dropped before the losses are made: each shard adds its own as soon as it has them
            for optimizer in self.optimizers.values():
                optimizer.zero_grad(set_to_none=True)
            made = list(self.workers.map(self._backward, turns)) if count > 1 else [self._backward(turns[0])]
            fresh = made[0] is not None
            for turn in made:
                for name, value in turn.figures.items() if turn else ():
                    sums[name] = sums.get(name, 0.0) + float(value) / count
            if made[0] is not None:
                self._descend(made[0].name, rate)
        self.step += 1
        if self.step <= self.config.average_from:
            self.average.restart(self.task.modules)
        else:
            self.average.update(self.task.modules)
        return sums

    def _generator(self, shard: int) -> Generator:
        seed = step_seed(self.config.seed + shard, self.step)
        return Generator(self.config.device).manual_seed(seed)

    def _backward(self, turns: Iterator[Turn]) -> Turn | None:
        """The next turn of one shard; its gradients are added to the parameters (two in either order: the same sum)."""
        kind = torch.device(self.config.device).type
        with torch.autocast(kind, torch.bfloat16, enabled=self.config.precision == "bfloat16"):
            turn = next(turns, None)
        if turn is not None:
            torch.autograd.backward(turn.loss / self.config.shards)
        return turn

    def _descend(self, name: str, rate: float) -> None:
        optimizer = self.optimizers[name]
        for group in optimizer.param_groups:
            group["lr"] = rate
        nn.utils.clip_grad_norm_(self.task.modules[name].parameters(), self.config.clip)
        optimizer.step()  # pyright: ignore[reportUnknownMemberType]


def _flat(modules: Mapping[str, nn.Module]) -> dict[str, Tensor]:
    return {f"{key}.{name}": t for key, module in modules.items() for name, t in module.state_dict().items()}


def _load(modules: Mapping[str, nn.Module], flat: Mapping[str, Tensor], path: Path) -> None:
    """Fill `modules` from names `module.parameter`; raises WeightsMismatch unless all names and shapes agree."""
    ours = _flat(modules)
    missing, unexpected = sorted(ours.keys() - flat.keys()), sorted(flat.keys() - ours.keys())
    wrong = sorted(name for name in ours.keys() & flat.keys() if ours[name].shape != flat[name].shape)
    if missing or unexpected or wrong:
        raise WeightsMismatch(path, missing, unexpected, wrong)
    with torch.no_grad():
        for name, tensor in ours.items():
            tensor.copy_(flat[name])


@contextmanager
def _stop_signals() -> abc.Generator[list[int], None, None]:
    """Collect the first Ctrl-C or SIGTERM instead of dying; a second one acts as usual."""
    received: list[int] = []
    kinds = (signal.SIGINT, signal.SIGTERM)
    before = {kind: signal.getsignal(kind) for kind in kinds}

    def note(number: int, _: FrameType | None) -> None:
        received.append(number)
        for kind in kinds:
            signal.signal(kind, before[kind])

    for kind in kinds:
        signal.signal(kind, note)
    try:
        yield received
    finally:
        for kind in kinds:
            signal.signal(kind, before[kind])


def _describe(task: Task, config: LoopConfig) -> None:
    settings = {key: str(v) if isinstance(v, Path) else v for key, v in dataclasses.asdict(config).items()}
    settings.pop("out")
    text = json.dumps({"title": task.title, **task.description(), "loop": settings}, indent=1, sort_keys=True)
    (config.out / RUN).write_text(text + "\n")


def train(task: Task, config: LoopConfig) -> Outcome:
    """Run `task` until its steps or minutes are used, or until Ctrl-C; always ends with a checkpoint.

    Raises OutputFailed when the run folder cannot be written, WeightsMismatch when it holds another geometry.
    """
    if config.steps < 1 or config.log_every < 1 or config.save_every < 1 or config.sample_every < 1:
        raise BadValue(
            "steps", "step counts must be at least 1", "check steps, save_every, sample_every, log_every"
        )
    config.out.mkdir(parents=True, exist_ok=True)
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    run = Run(task, config)
    resumed = run.restore()
    _describe(task, config)
    if config.compile:
        for module in task.compiled():
            module.compile()  # pyright: ignore[reportUnknownMemberType]
    with Report(config.out, task.title, task.figures, run.step) as report, _stop_signals() as stops:
        report.say(f"{'goes on from' if resumed else 'starts at'} step {run.step}")
        reason = _steps(run, report, stops)
        path = run.save()
        _show(run)
        report.say(f"ended after step {run.step} ({reason}); saved {path}")
    return Outcome(run.step, run.seconds, reason, path)


def _steps(run: Run, report: Report, stops: list[int]) -> Literal["steps", "minutes", "stopped"]:
    config, batches = run.config, run.task.batches(run.step)
    while True:
        if stops:
            return "stopped"
        if run.step >= config.steps:
            return "steps"
        if config.minutes is not None and run.seconds >= 60 * config.minutes:
            return "minutes"
        begun = time.monotonic()
        report.add(run.advance(next(batches)))
        if run.step % config.sample_every == 0:
            _show(run)
        if run.step % config.save_every == 0:
            run.save()
        run.seconds += time.monotonic() - begun
        if run.step % config.log_every == 0:
            done = progress(config, run.step, run.seconds)
            report.row(
                run.step, run.seconds, rate_at(config, run.step, run.seconds), done, _next(config, run.step)
            )


def _next(config: LoopConfig, step: int) -> str:
    sample = (step // config.sample_every + 1) * config.sample_every
    save = (step // config.save_every + 1) * config.save_every
    return f"samples at {sample}, checkpoint at {save}"


def _show(run: Run) -> None:
    image = run.task.sample(run.average.modules)
    if image is not None:
        folder = run.config.out / "samples"
        folder.mkdir(exist_ok=True)
        image.save(folder / f"step-{run.step:08d}.png")
    draw_curve(run.config.out)
