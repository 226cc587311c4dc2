"""Models trained up to pure noise: what says so, what follows, and that it is written back."""

import json
from pathlib import Path

import pytest
import torch

from families.reduced import saved, small
from mezzotint.diffusion.prediction import NOISE, VELOCITY
from mezzotint.engine.telling.inspect import inspect
from mezzotint.families.export import export_diffusers
from mezzotint.families.recognise import recognise
from mezzotint.families.registry import Located, find, open_model
from mezzotint.families.schedules import FLOOR, Betas, Shift
from mezzotint.families.terminal import ended
from mezzotint.families.toy import TOY
from mezzotint.store.named import named, write
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import open_tensors

EMPTY = torch.zeros(0)
SCHEDULER = "scheduler/scheduler_config.json"


def located(path: Path, **chosen: str) -> Located:
    return find(ModelUse(base=str(path), **chosen))  # pyright: ignore[reportArgumentType]


def floor(found: Located) -> float | None:
    assert isinstance(found.family.schedule, Betas)
    return found.family.schedule.floor


def scheduled(folder: Path, **entries: object) -> Path:
    config = json.loads((folder / SCHEDULER).read_text()) | entries
    (folder / SCHEDULER).write_text(json.dumps(config))
    return folder


def test_the_marker_makes_the_noise_end_purely(tmp_path: Path) -> None:
    plain = located(saved("sdxl", tmp_path))
    assert floor(plain) is None and "zero SNR" not in plain.decided_by
    marked = located(saved("sdxl", tmp_path, ztsnr=EMPTY, v_pred=EMPTY))
    assert floor(marked) == FLOOR and marked.prediction is VELOCITY
    assert float(marked.family.path.sigmas[-1]) == pytest.approx(4096, rel=1e-6)
    assert marked.family.path.sigmas[0] == pytest.approx(float(plain.family.path.sigmas[0]), rel=1e-12)
    assert (plain.family.defaults.spacing, marked.family.defaults.spacing) == ("karras", "trailing")
    assert marked.decided_by["zero SNR"] == "the marker tensor ztsnr"


def test_it_alone_says_velocity(tmp_path: Path) -> None:
    """Noise tells nothing of the picture where there is nothing but noise."""
    for kind in ("sdxl", "sd2"):
        found = located(saved(kind, tmp_path, ztsnr=EMPTY))
        assert found.prediction is VELOCITY
        assert found.decided_by["prediction"] == "the schedule up to pure noise"
    with pytest.raises(BadModelFile, match="the explicit choice says noise; choose --prediction velocity or"):
        located(saved("sdxl", tmp_path, ztsnr=EMPTY), prediction="noise")


def test_the_explicit_choice_wins(tmp_path: Path) -> None:
    marked = saved("sdxl", tmp_path, ztsnr=EMPTY)
    assert floor(located(marked, zero_snr="no")) is None
    assert located(marked, zero_snr="no").prediction is NOISE
    chosen = located(saved("sdxl", tmp_path), zero_snr="yes")
    assert floor(chosen) == FLOOR and chosen.decided_by["zero SNR"] == "the explicit choice"
    assert floor(find(ModelUse(base="toy", zero_snr="yes", prediction="velocity"))) == FLOOR
    assert floor(find(ModelUse(base="toy", zero_snr="no"))) is None
    with pytest.raises(BadValue, match="add --prediction velocity"):
        find(ModelUse(base="toy", zero_snr="yes"))


def test_a_folder_says_it_in_its_scheduler(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    export_diffusers(small("sdxl"), folder)
    assert json.loads((folder / SCHEDULER).read_text())["rescale_betas_zero_snr"] is False
    scheduled(folder, rescale_betas_zero_snr=True, prediction_type="v_prediction")
    found = located(folder)
    assert floor(found) == FLOOR and found.decided_by["zero SNR"] == SCHEDULER
    export_diffusers(open_model(found), tmp_path / "again")
    config = json.loads((tmp_path / "again" / SCHEDULER).read_text())
    assert (config["rescale_betas_zero_snr"], config["timestep_spacing"]) == (True, "trailing")
    assert located(tmp_path / "again").family.schedule == found.family.schedule
    with pytest.raises(BadModelFile, match=f"{SCHEDULER} says noise"):
        located(scheduled(folder, prediction_type="epsilon"))


def test_a_single_file_gets_its_markers_back(tmp_path: Path) -> None:
    write(named(saved("sdxl", tmp_path, ztsnr=EMPTY, v_pred=EMPTY)), tmp_path / "b.safetensors")
    assert {"ztsnr", "v_pred"} <= set(open_tensors(tmp_path / "b.safetensors"))
    assert floor(located(tmp_path / "b.safetensors")) == FLOOR
    write(named(tmp_path / "b.safetensors"), tmp_path / "folder")
    assert floor(located(tmp_path / "folder")) == FLOOR
    write(named(saved("sdxl", tmp_path)), tmp_path / "plain.safetensors")
    assert not {"ztsnr", "v_pred"} & set(open_tensors(tmp_path / "plain.safetensors"))


def test_inspect_says_it_and_what_decided(tmp_path: Path) -> None:
    marked = saved("sdxl", tmp_path, ztsnr=EMPTY)
    assert recognise(marked).pure_noise
    about, decided = inspect(marked).sections
    assert ("noise", "up to pure noise (zero terminal SNR)") in about.rows
    assert ("zero SNR", "the marker tensor ztsnr") in decided.rows
    plain = inspect(saved("sdxl", tmp_path)).sections
    assert all(name not in ("noise", "zero SNR") for section in plain for name, _ in section.rows)


def test_a_straight_path_ends_so_anyway() -> None:
    from dataclasses import replace

    straight = replace(TOY, schedule=Shift())
    assert ended(straight, False) is straight
    with pytest.raises(BadValue, match="always begins from pure noise"):
        ended(straight, True)
