"""Every file that is no model, opened through the doors that people use, while another model is in use.

Each is one typed error that says what was found and what to do; nothing of it runs, no file appears, and the model
that was open draws the same bits as before.
"""

import os
import pickle
import re
import shutil
from contextlib import suppress
from pathlib import Path

import pytest
import torch

from cli.commands import error_of, here
from engine.recipes import Engine, draw, recipe
from families.reduced import LETTERS, SMALL1, single
from mezzotint.engine.telling.inspect import inspect
from mezzotint.families import toy
from mezzotint.families.export import export_diffusers
from mezzotint.families.registry import open_model
from mezzotint.values.errors import BadModelFile, MezzotintError, PickleRefused
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import save_tensors
from weights.bad_files import BYTES, SHARDS, UNET, WEIGHTS, cast, put, says
from weights.hostile import CALLS, DAMAGED


class Live:
    """An engine with a model open, and the picture it draws."""

    def __init__(self) -> None:
        self.engine = Engine("cpu", 1)
        self.recipe = recipe(width=16, height=16, steps=1)
        self.first = draw(self.engine, self.recipe).image.tobytes()

    def refuses(self, path: Path) -> MezzotintError:
        """What drawing with the model at `path` raises; checks that the open model is the same after it."""
        use = self.recipe.passes[0].model_copy(update={"model": ModelUse(base=str(path))})
        bad = self.recipe.model_copy(update={"passes": (use,)})
        before = files_beside(path)
        with pytest.raises(MezzotintError) as caught:
            draw(self.engine, bad)
        assert files_beside(path) == before
        assert draw(self.engine, self.recipe).image.tobytes() == self.first
        assert caught.value.hint and len(str(caught.value)) < 900 and "\n" not in str(caught.value)
        return caught.value


def files_beside(path: Path) -> list[Path]:
    kept = Path(os.environ["XDG_CACHE_HOME"]) / "mezzotint/unpickled"
    return sorted([*path.parent.rglob("*"), *kept.glob("*")])


@pytest.fixture(scope="module")
def live() -> Live:
    return Live()


@pytest.mark.parametrize("name", [*BYTES, *WEIGHTS])
def test_no_model(name: str, live: Live, tmp_path: Path) -> None:
    error = live.refuses(put(name, tmp_path))
    assert error.code in {"bad_model_file", "weights_mismatch"} and re.search(says(name), str(error))


def test_the_list_is_as_long_as_it_should_be() -> None:
    assert len({*BYTES, *WEIGHTS, *SHARDS}) >= 34 and len({*CALLS, *DAMAGED}) >= 40


@pytest.mark.parametrize("name", ["header length 99 MB", "PNG", "NaN weights", "LoRA as checkpoint"])
def test_the_command_line_says_the_same(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = put(name, tmp_path)
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    done = here(capsys, "a cat", "--model", str(path), "--steps", "1", "--width", "16", "--height", "16")
    assert done.code == 2 and error_of(done).startswith(f"error: {path}: ")
    assert list((tmp_path / "work").iterdir()) == []


@pytest.mark.parametrize("name", ["empty", "7 bytes", "header length 1e12", "hole", "1 MB key", "web page"])
def test_inspect_says_the_same(name: str, tmp_path: Path) -> None:
    with pytest.raises(BadModelFile, match=says(name)):
        inspect(put(name, tmp_path))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    export_diffusers(toy.make(LETTERS), folder)
    return folder


@pytest.mark.parametrize("name", SHARDS)
def test_no_folder_of_shards(name: str, exported: Path, live: Live, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(exported, tmp_path / "model"))
    (tmp_path / "model/x.safetensors").write_bytes(b"")
    break_up, message = SHARDS[name]
    break_up(folder / "unet")
    error = live.refuses(folder)
    assert message in str(error) and error.code in {"bad_model_file", "model_not_found"}


def test_a_folder_for_a_file(live: Live, tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").mkdir()
    assert "this folder has no unet/" in live.refuses(tmp_path / "model.safetensors").hint


@pytest.mark.parametrize("name", CALLS)
def test_a_pickle_that_calls(name: str, live: Live, tmp_path: Path) -> None:
    path, canary = tmp_path / "model.ckpt", tmp_path / "harmed"
    path.write_bytes(CALLS[name](canary))
    error = live.refuses(path)
    assert isinstance(error, PickleRefused) and "wants to run" in str(error) and not canary.exists()


@pytest.mark.parametrize("name", DAMAGED)
def test_a_pickle_that_is_no_model(name: str, live: Live, tmp_path: Path) -> None:
    path = tmp_path / "model.ckpt"
    make, message = DAMAGED[name]
    path.write_bytes(make(tmp_path / "harmed"))
    error = live.refuses(path)
    assert isinstance(error, BadModelFile) and re.search(message, str(error))


ARMED = (
    "os.system in a raw pickle",
    "eval",
    "nested reduce",
    "numpy object array in a raw pickle",
    "INST",
    "OBJ",
)


@pytest.mark.parametrize("name", ARMED)
def test_the_payloads_are_real(name: str, tmp_path: Path) -> None:
    """The negative control: the readers of Python and torch run them."""
    path = tmp_path / "a"
    path.write_bytes(CALLS[name](tmp_path / "harmed"))
    with suppress(Exception):
        torch.load(path, weights_only=False)
    with suppress(Exception):
        pickle.loads(path.read_bytes())
    assert (tmp_path / "harmed").exists()


OPENS = {
    "plain": lambda: single("sd1"),
    "fp8 plain": lambda: cast(single("sd1"), torch.float8_e4m3fn),
    "mixed types": lambda: {n: t.bfloat16() if n.endswith("bias") else t for n, t in half().items()},
    "EMA and non-EMA": lambda: (
        single("sd1") | {averaged(n): t + 1 for n, t in single("sd1").items() if n.startswith(UNET)}
    ),
}


def half() -> dict[str, torch.Tensor]:
    return cast(single("sd1"), torch.float16)


def averaged(name: str) -> str:
    return "model_ema." + name.removeprefix("model.").replace(".", "")


@pytest.mark.parametrize("name", OPENS)
def test_what_is_unusual_but_right_opens_with_its_own_values(name: str, tmp_path: Path) -> None:
    made = OPENS[name]()
    save_tensors(made, tmp_path / "a.safetensors")
    model = open_model(ModelUse(base=str(tmp_path / "a.safetensors")))
    wanted = made[f"{UNET}out.2.weight"].float()
    assert model.family.name == "sd1" and model.family.unet == SMALL1.unet
    assert torch.equal(model.unet.conv_out.weight, wanted)
