"""Downloads, from a hub that is played by the test: what is fetched, where to, and what goes wrong."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from cli.commands import error_of, here
from mezzotint.store.download import DownloadFailed, Wanted, chosen, download
from mezzotint.values.errors import BadValue

FOLDER = (
    "model_index.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "unet/diffusion_pytorch_model.fp16.safetensors",
    "unet/diffusion_pytorch_model.bin",
    "unet/diffusion_pytorch_model.non_ema.safetensors",
    "text_encoder/model-00001-of-00002.safetensors",
    "tokenizer/merges.txt",
    "v1-5-pruned.safetensors",
    "v1-5-pruned.ckpt",
    "README.md",
)


@pytest.fixture
def hub(monkeypatch):
    """A hub with one repository; `asked` is what was fetched from it."""
    asked = []

    def files(name, revision):
        if name != "some/model":
            raise ValueError(f"404 Client Error.\nRepository Not Found for {name}")
        return list(FOLDER)

    def snapshot(name, revision, local_dir, allow_patterns):
        if revision == "broken":
            raise ConnectionError("the line went dead")
        asked.append((name, revision, local_dir, allow_patterns))

    played = SimpleNamespace(list_repo_files=files, snapshot_download=snapshot)
    monkeypatch.setitem(sys.modules, "huggingface_hub", played)
    return asked


def test_a_folder_is_its_small_files_and_plain_safetensors():
    plain = set(chosen(FOLDER, Wanted("some/model")))
    assert plain == {FOLDER[0], FOLDER[1], FOLDER[2], FOLDER[6], FOLDER[7]}
    half = set(chosen(FOLDER, Wanted("some/model", variant="fp16")))
    assert half == {FOLDER[0], FOLDER[1], FOLDER[3], FOLDER[7]}


def test_one_file_is_that_file():
    assert chosen(FOLDER, Wanted("some/model", file="v1-5-pruned.safetensors")) == (
        "v1-5-pruned.safetensors",
    )


@pytest.mark.parametrize(
    ("files", "wanted", "message"),
    [
        (
            FOLDER,
            Wanted("a/b", file="x"),
            "a/b has no file x; choose one of its files with --file: v1-5-pruned",
        ),
        (("x.safetensors",), Wanted("a/b"), "is no diffusers folder; choose one of its files with --file: x"),
        (("x.bin",), Wanted("a/b"), "is no diffusers folder; choose another model"),
        (FOLDER, Wanted("a/b", variant="fp8"), r"has no weights that end in .fp8.safetensors"),
    ],
)
def test_what_cannot_be_drawn_with_is_not_fetched(files, wanted, message):
    with pytest.raises(DownloadFailed, match=message):
        chosen(files, wanted)


@pytest.mark.parametrize("name", ["model", "a/b/c", "../x", "a/..", "/x", "a/", "a b/c", "https://x/y"])
def test_names_that_are_none_are_refused_before_anything_is_asked(name, hub):
    with pytest.raises(BadValue, match="is not OWNER/NAME"):
        download(Wanted(name))


def test_the_command_fetches_into_the_model_folder(capsys, tmp_path, monkeypatch, hub):
    monkeypatch.setenv("MEZZOTINT_MODELS", str(tmp_path))
    done = here(capsys, "download", "some/model", "--revision", "v2")
    assert done.code == 0 and done.out == f"{tmp_path / 'some/model'}  draw with --model some/model\n"
    assert [call[:3] for call in hub] == [("some/model", "v2", tmp_path / "some" / "model")]
    one = here(
        capsys, "download", "some/model", "--file", "v1-5-pruned.safetensors", "--into", str(tmp_path / "x")
    )
    path = tmp_path / "x/some/model/v1-5-pruned.safetensors"
    assert one.out == f"{path}  draw with --model {path}\n"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nobody/model"], "nobody/model could not be fetched: 404 Client Error.; check the name"),
        (["some/model", "--revision", "broken"], "could not be fetched: the line went dead; check"),
    ],
)
def test_what_goes_wrong_is_one_line(capsys, hub, words, message):
    done = here(capsys, "download", *words, "--into", str(Path("nowhere")))
    assert done.code == 1
    assert message in error_of(done)
