"""Archives are read as data: nothing in them runs."""

import os
import pickle
import warnings
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from mezzotint.evaluate.inception import Inception
from mezzotint.evaluate.torchscript import convert, read_here
from mezzotint.values.errors import BadModelFile


class _Hostile:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, ...]:
        return os.system, (f"touch {self.marker}",)


def _archive(path: Path, payload: bytes) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("m/data.pkl", payload)
    return path


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, torch.Tensor]]:
    """A real archive with nested modules, shared strides and several shapes."""
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Sequential(torch.nn.Conv2d(2, 3, (1, 7))))
    path = tmp_path_factory.mktemp("script") / "m.pt"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch 2.13 announces the end of TorchScript; the archives live on
        torch.jit.save(torch.jit.script(module), str(path))
    return path, module.state_dict()


def test_an_archive_gives_its_parameters_bit_for_bit(
    scripted: tuple[Path, dict[str, torch.Tensor]], tmp_path: Path
) -> None:
    path, expected = scripted
    convert(path, tmp_path / "out.safetensors")
    found = load_file(tmp_path / "out.safetensors")
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], tensor) for name, tensor in expected.items())


def test_a_hostile_pickle_does_not_run(tmp_path: Path) -> None:
    marker = tmp_path / "ran"
    hostile = _archive(tmp_path / "h.pt", pickle.dumps(_Hostile(marker)))
    with pytest.raises(BadModelFile, match="not allowed"):
        convert(hostile, tmp_path / "out.safetensors")
    assert not marker.exists()
    assert sorted(p.name for p in tmp_path.iterdir()) == ["h.pt"]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 cut"])
def test_other_files_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(BadModelFile, match="not a readable"):
        convert(tmp_path / "x.pt", tmp_path / "out.safetensors")


def test_an_archive_with_two_modules_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "two.pt", "w") as archive:
        archive.writestr("a/data.pkl", b"")
        archive.writestr("b/data.pkl", b"")
    with pytest.raises(pickle.UnpicklingError, match="single"):
        read_here(tmp_path / "two.pt")


def test_inception_has_the_published_shape() -> None:
    network = Inception().eval()
    assert len(network.state_dict()) == 376
    assert sum(p.numel() for p in network.parameters()) == 21_802_784
    with torch.no_grad():
        assert network(torch.rand(1, 3, 64, 64)).shape == (1, 2048)
