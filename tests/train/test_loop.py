"""The training loop: resume to the bit, stops, schedules, averages and the files it leaves."""

import json
import os
import signal
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from toys import LineTask, column, short

from mezzotint.train import loop
from mezzotint.train.checkpoint import latest, saved
from mezzotint.train.ema import Average
from mezzotint.train.loop import LoopConfig, progress, rate_at, step_seed, train
from mezzotint.values.errors import BadValue, WeightsMismatch


class Killed(BaseException):
    """Stands for the end of the process."""


class KilledTask(LineTask):
    """Dies in the middle of a step."""

    def __init__(self, at: int) -> None:
        super().__init__()
        self.at = at

    def turns(self, step, batch, generator):
        made = super().turns(step, batch, generator)
        yield next(made)
        if step == self.at:
            raise Killed
        yield from made


def end(out: Path) -> dict[str, torch.Tensor]:
    """All tensors of the newest checkpoint."""
    path = latest(out)
    return {f"{file.stem}/{k}": t for file in path.glob("*.safetensors") for k, t in load_file(file).items()}


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)


@pytest.mark.parametrize("shards", [1, 2])
def test_a_killed_run_ends_with_the_same_bits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shards: int
) -> None:
    monkeypatch.setattr(loop, "draw_curve", lambda _: None)
    changes = {"save_every": 3, "shards": shards}
    train(LineTask(), short(tmp_path / "whole", 8, **changes))
    for killed_at in range(8):
        out = tmp_path / f"cut-{killed_at}"
        with pytest.raises(Killed):
            train(KilledTask(killed_at), short(out, 8, **changes))
        task = LineTask()
        train(task, short(out, 8, **changes))
        assert task.seen[0] == killed_at // 3 * 3
        assert same(end(tmp_path / "whole"), end(out))


def test_the_comparison_sees_another_seed(tmp_path: Path) -> None:
    train(LineTask(), short(tmp_path / "a", 4))
    train(LineTask(), short(tmp_path / "b", 4, seed=1))
    assert not same(end(tmp_path / "a"), end(tmp_path / "b"))


def test_shards_change_only_rounding_when_nothing_is_random(tmp_path: Path) -> None:
    class Plain(LineTask):
        def turns(self, step, batch, generator):
            loss = (self.modules["first"](batch) - batch.flip(1)).square().mean()
            yield loop.Turn("first", loss, {"first": loss.detach()})

    for name, shards in (("one", 1), ("two", 2)):
        train(Plain(), short(tmp_path / name, 5, shards=shards))
    one, two = end(tmp_path / "one"), end(tmp_path / "two")
    assert max(float((one[k] - two[k]).abs().max()) for k in one if k.startswith("weights")) < 1e-6


def test_the_loss_falls_and_is_written(tmp_path: Path) -> None:
    outcome = train(LineTask(), short(tmp_path, 200, rate=3e-2))
    losses = column(tmp_path, "first")
    assert (outcome.step, outcome.reason) == (200, "steps")
    assert losses[-1] < 0.1 * losses[0]
    assert (tmp_path / "loss.png").stat().st_size > 1000
    assert list((tmp_path / "samples").glob("*.png"))
    assert json.loads((tmp_path / "run.json").read_text())["loop"]["steps"] == 200


def test_a_resumed_run_has_each_row_once(tmp_path: Path) -> None:
    with pytest.raises(Killed):
        train(KilledTask(13), short(tmp_path, 20, save_every=8))
    train(LineTask(), short(tmp_path, 20, save_every=8))
    assert column(tmp_path, "step") == [5, 10, 15, 20]


def test_two_checkpoints_are_kept(tmp_path: Path) -> None:
    train(LineTask(), short(tmp_path, 9, save_every=2))
    assert [path.name for path in saved(tmp_path)] == ["step-00000008", "step-00000009"]


@pytest.mark.parametrize("kind", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_the_step_saves_and_gives_the_signal_back(tmp_path: Path, kind: signal.Signals) -> None:
    class Interrupted(LineTask):
        def turns(self, step, batch, generator):
            if step == 3:
                os.kill(os.getpid(), kind)
            yield from super().turns(step, batch, generator)

    before = signal.getsignal(kind)
    outcome = train(Interrupted(), short(tmp_path, 50))
    assert (outcome.step, outcome.reason) == (4, "stopped")
    assert latest(tmp_path).name == "step-00000004"
    assert signal.getsignal(kind) is before


def test_a_time_budget_ends_the_run_and_drives_the_rate(tmp_path: Path) -> None:
    outcome = train(LineTask(), short(tmp_path, 10**6, minutes=0.3 / 60))
    assert outcome.reason == "minutes"
    assert outcome.seconds >= 0.3
    config = LoopConfig(tmp_path, steps=10**6, minutes=10, warm_up=1)
    assert progress(config, 5, 300.0) == 0.5
    assert rate_at(config, 5, 600.0) == pytest.approx(config.rate * config.rate_end)


def test_the_rate_warms_up_then_falls(tmp_path: Path) -> None:
    config = LoopConfig(tmp_path, steps=100, warm_up=10, rate=1.0, rate_end=0.1)
    rates = [rate_at(config, step, 0.0) for step in range(101)]
    assert rates[0] == pytest.approx(0.1, rel=1e-2)
    assert max(rates) == rates[9] or max(rates) == rates[10]
    assert rates[50] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)


def test_weights_of_another_run_start_a_fresh_one(tmp_path: Path) -> None:
    train(LineTask(), short(tmp_path / "a", 12))
    task = LineTask()
    run = loop.Run(task, short(tmp_path / "b", 5, init_from=tmp_path / "a"))
    assert not run.restore()
    average = load_file(latest(tmp_path / "a") / "average.safetensors")
    assert torch.equal(task.modules["first"].weight, average["first.weight"])
    assert torch.equal(run.average.modules["first"].weight, average["first.weight"])
    assert not run.optimizers["first"].state
    assert run.step == 0


def test_another_geometry_in_the_folder_is_an_error(tmp_path: Path) -> None:
    train(LineTask(), short(tmp_path, 2))
    task = LineTask()
    task.modules["second"] = nn.Linear(4, 2)
    with pytest.raises(WeightsMismatch):
        train(task, short(tmp_path, 4))


def test_a_run_needs_a_step(tmp_path: Path) -> None:
    with pytest.raises(BadValue):
        train(LineTask(), short(tmp_path, 0))


def test_the_average_is_the_sum_of_its_definition() -> None:
    module = nn.Linear(1, 1, bias=False)
    values = [float(v) for v in torch.randn(30)]
    with torch.no_grad():
        module.weight.fill_(values[0])
        average = Average({"m": module}, decay=0.9)
        for value in values[1:]:
            module.weight.fill_(value)
            average.update({"m": module})
    expected = values[0]
    for n, value in enumerate(values[1:]):
        d = min(0.9, (1 + n) / (10 + n))
        expected = d * expected + (1 - d) * value
    assert float(average.modules["m"].weight) == pytest.approx(expected, rel=1e-5)
    average.restart({"m": module})
    assert float(average.modules["m"].weight) == pytest.approx(values[-1])
    assert average.updates == 0


def test_seeds_of_steps_differ() -> None:
    seeds = {step_seed(seed, step) for seed in range(5) for step in range(1000)}
    assert len(seeds) == 5000
    assert max(seeds) < 2**63
