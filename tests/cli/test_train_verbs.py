"""The verbs of training, data and measuring: thin, so what is tested is which settings reach the code behind them."""

import json
from pathlib import Path

import numpy as np
import pytest

from cli.commands import error_of, here
from mezzotint.cli import (
    data_build,
    evaluate,
    train_autoencoder,
    train_control,
    train_denoiser,
    train_depth,
    train_inpainting,
    train_partner,
    train_release,
    train_text,
    train_upscaler,
)
from mezzotint.cli.verbs import Verb
from mezzotint.evaluate.evaluation import Progress, Scores
from mezzotint.evaluate.measure import Row
from mezzotint.train.data.build import Built, Drawn, Fetched
from mezzotint.train.loop import Outcome
from mezzotint.values.errors import MissingExtra


@pytest.fixture
def calls(monkeypatch):
    """The arguments that each trainer was called with; every one of them ends at once."""
    made = {}

    def stub(module, name, reason="steps"):
        def work(*arguments):
            made[name] = arguments
            return Outcome(7, 1.0, reason, Path("x"))

        monkeypatch.setattr(module, name, work)

    stub(train_autoencoder, "train_autoencoder")
    stub(train_text, "train_text", "stopped")
    stub(train_control, "train_control")
    stub(train_inpainting, "train_inpainting")
    stub(train_upscaler, "train_upscaler")
    stub(train_depth, "train_depth")
    monkeypatch.setattr(train_text, "prepare_vocabulary", lambda out, captions, size: size - 1)
    return made


def test_the_autoencoder_gets_settings_geometry_loop_and_pictures(capsys, calls):
    words = ["--out", "runs/ae", "--channels", "16", "32", "--lpips", "0", "--batch", "3", "--rate", "0.5"]
    done = here(
        capsys, "train", "autoencoder", *words, "--styles", "flat", "--concepts", "none", "--size", "32"
    )
    assert done.code == 0
    config, loop, source, perceptual = calls["train_autoencoder"]
    assert config.geometry.channels == (16, 32)
    assert (config.batch, config.lpips, perceptual) == (3, 0, None)
    assert (loop.out, loop.minutes, loop.rate) == (Path("runs/ae"), None, 0.5)
    assert (source.size, source.selection.styles, source.selection.concepts) == (32, ("flat",), None)


def test_the_text_encoder_gets_the_vocabulary_that_was_made_and_a_stop_has_its_code(capsys, calls):
    done = here(capsys, "train", "text", "--out", "runs/text", "--vocab", "900")
    assert done.code == 130
    assert "stopped after step 7; the same command goes on from there" in done.out
    config, _, pairs = calls["train_text"]
    assert config.geometry.vocab == 899
    assert pairs.composed.size == 32


def test_the_denoiser_takes_its_shapes_from_the_trained_parts(capsys, calls, tmp_path, monkeypatch):
    class Part:
        geometry = type("Geometry", (), {"latent": 5, "width": 48})

    def work(*arguments):
        calls["denoiser"] = arguments
        return Outcome(7, 1.0, "minutes", Path("x"))

    monkeypatch.setattr(train_denoiser, "open_text", lambda run: (Part(), "tokenizer"))
    monkeypatch.setattr(train_denoiser, "open_autoencoder", lambda run: Part())
    monkeypatch.setattr(train_denoiser, "train_denoiser", work)
    words = ["train", "denoiser", "--out", tmp_path / "d", "--autoencoder", tmp_path, "--text", tmp_path]
    assert "has no result.json with a scale" in error_of(here(capsys, *words))
    (tmp_path / "result.json").write_text('{"scale": 0.5}')
    assert here(capsys, *words, "--stages", "32:10", "64:1").code == 0
    config, _, frozen = calls["denoiser"]
    assert (config.geometry.in_channels, config.geometry.context, config.scale) == (5, 48, 0.5)
    assert [(stage.size, stage.steps) for stage in config.stages] == [(32, 10), (64, 1)]
    assert {size: latents.cache.source.size for size, latents in frozen.latents.items()} == {32: 32, 64: 64}
    assert "'64' is not SIZE:STEPS" in error_of(here(capsys, *words, "--stages", "64"))


def test_partners_get_their_base_their_settings_and_what_lies_beside_latents(capsys, calls):
    words = ["--base", "toy", "--out", "runs/x", "--chunk", "2", "--most", "3", "--batch", "5"]
    assert here(capsys, "train", "control", *words, "--attention", "yes", "no").code == 0
    config, loop, base, latents = calls["train_control"]
    assert (config.hint, config.kind, config.sizes.attention) == ("canny", "controlnet", (True, False))
    assert config.batch == 5
    assert (base.name, loop.out, latents.most) == ("toy", Path("runs/x"), 3)
    assert latents.cache.folder == Path("runs/x/latents")
    row = (np.zeros((8, 8, 3), np.uint8), "x", None)
    assert set(latents.cache.beside(0, [row])) == {"hint"}
    assert "unknown hint 'cany'" in error_of(here(capsys, "train", "control", *words, "--hint", "cany"))
    kind = ["--hint", "depth", "--kind", "adapter", "--layers", "1"]
    assert here(capsys, "train", "control", *words, *kind).code == 0
    config = calls["train_control"][0]
    assert (config.hint, config.kind, config.sizes.layers) == ("depth", "adapter", 1)
    assert here(capsys, "train", "inpainting", *words, "--rank", "none").code == 0
    config, _, _, latents = calls["train_inpainting"]
    assert config.rank is None
    assert latents.cache.beside(0, [row])["planes"].shape == (1, 5, 1, 1)


def test_the_upscaler_gets_large_pictures_and_the_autoencoder_of_its_base(capsys, calls):
    words = ["--base", "toy", "--out", "runs/up", "--lpips", "0", "--width", "16"]
    assert here(capsys, "train", "upscaler", *words).code == 0
    config, _, source, autoencoder, perceptual = calls["train_upscaler"]
    assert (config.geometry.width, config.geometry.factor, source.size, perceptual) == (16, 2, 128, None)
    assert autoencoder.geometry.latent == 4


def test_the_depth_network_gets_pictures_of_its_own_seed(capsys, calls):
    words = ["--base", "toy", "--out", "runs/d", "--widths", "8", "16", "--seed", "9"]
    assert here(capsys, "train", "depth", *words).code == 0
    config, loop, source, autoencoder = calls["train_depth"]
    assert (config.geometry.widths, loop.seed, source.seed, source.size) == ((8, 16), 9, 9, 64)
    assert autoencoder.geometry.latent == 4


def test_a_partner_is_written_from_a_run(capsys, monkeypatch, tmp_path):
    seen = []

    def pack(run, folder, title, storage):
        seen.append((run, folder, title, storage))
        (folder / "weights").write_bytes(bytes(1_250_000))
        return type("Packed", (), {"title": title})

    monkeypatch.setattr(train_partner, "pack_run", pack)
    done = here(capsys, "train", "partner", tmp_path, "--run", "runs/edges", "--title", "Edges")
    assert done.out == f"{tmp_path}  Edges, 1.25 MB\n"
    assert seen == [(Path("runs/edges"), tmp_path, "Edges", "int8")]


def test_three_runs_are_released_as_one_model(capsys, monkeypatch, tmp_path):
    class Released:
        digest = "0123456789abcdef"
        family = type("Family", (), {"title": "Small"})

    seen = []
    monkeypatch.setattr(train_release, "release", lambda *arguments: seen.append(arguments) or Released())
    words = ["--autoencoder", "a", "--text", "t", "--denoiser", "d", "--title", "Small"]
    done = here(capsys, "train", "release", tmp_path, *words)
    assert done.out == f"{tmp_path}  Small, digest 0123456789ab\n"
    runs, folder, title, storage = seen[0]
    assert (str(runs.autoencoder), str(runs.denoiser), folder, title) == ("a", "d", tmp_path, "Small")
    assert storage


def test_a_build_tells_its_steps(capsys, monkeypatch):
    def build(folder, sets, size, *, with_synonyms, cache):
        assert (sets, size, with_synonyms, cache) == (("noto",), 64, False, None)
        yield Fetched("pkg@1", "MIT", fresh=True)
        yield Drawn("noto", 0, 2, 300, fresh=False)
        yield Built(folder, {})

    monkeypatch.setattr(data_build, "build", build)
    words = ["data", "build", "-o", "there", "--sets", "noto", "--size", "64", "--no-synonyms"]
    done = here(capsys, *words)
    assert done.err.splitlines() == ["fetched pkg@1 (MIT)", "shard 1 of 2: 300 sprites of noto, kept"]
    assert done.out.startswith("there  built, see ")
    quiet = here(capsys, *words, "--quiet")
    assert (quiet.out, quiet.err) == ("", "")


def test_the_denoiser_has_no_flags_for_parts_it_does_not_take(capsys):
    help_text = here(capsys, "train", "denoiser", "--help").out
    assert "--channels" in help_text and "--pooled" not in help_text


@pytest.fixture
def measured(monkeypatch):
    """What the evaluation was asked for; it answers at once."""
    asked = []

    class Quick:
        def __init__(self, settings, instruments):
            asked.append((settings, instruments))

        def steps(self):
            yield Progress("colours", 0, 2)
            yield Progress("colours", 2, 2)
            yield Scores((Row("colour", 93.5, "%", 2, 100.0),), 1.5)

    monkeypatch.setattr(evaluate, "open_instruments", lambda cache: cache)
    monkeypatch.setattr(evaluate, "Evaluation", Quick)
    return asked


def test_evaluate_prints_its_table_and_keeps_it(capsys, tmp_path, measured):
    path = tmp_path / "scores.json"
    done = here(capsys, "evaluate", "--model", "toy", "--asked", "2", "--data", "d", "-o", str(path))
    assert done.code == 0
    assert "| colour | 93.5 % | 100.0 % | 2 |" in done.out
    assert done.err == "colours: 2 pictures\n"
    settings, cache = measured[0]
    assert (settings.model, settings.asked, settings.concepts, cache) == ("toy", 2, 200, Path("d/packages"))
    assert json.loads(path.read_text())["settings"]["asked"] == 2
    assert here(capsys, "evaluate", "-q", "-o", str(tmp_path / "no" / "x.json")).code == 1


def test_evaluate_draws_a_bar_on_a_terminal(capsys, monkeypatch, measured):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    done = here(capsys, "evaluate", "--cache", "c")
    assert "colours" in done.err and "2/2" in done.err
    assert measured[0][1] == Path("c")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["evaluate", "--asked", "0"], "asked: 0 questions"),
        (["train", "text"], "--out is missing"),
        (["train", "autoencoder", "--out", "x", "--precision", "fp8"], "unknown precision 'fp8'"),
        (["data", "build", "--sets", "noot"], "unknown picture set 'noot'; did you mean noto?"),
        (["data", "build", "--size", "9"], "size: 9 is not allowed"),
        (["train", "release", "x", "--autoencoder", "a"], "--text is missing"),
    ],
)
def test_wrong_settings_are_one_line(capsys, words, message):
    done = here(capsys, *words)
    assert done.code == 2
    assert message in error_of(done)


def test_a_missing_package_of_an_extra_is_named(monkeypatch):
    verb = Verb("no_such_module", "x", None, extra="train")
    with pytest.raises(ModuleNotFoundError):
        verb.load("run")

    def absent(name):
        raise ModuleNotFoundError("No module named 'webdataset.writer'", name="webdataset.writer")

    monkeypatch.setattr("mezzotint.cli.verbs.import_module", absent)
    with pytest.raises(MissingExtra, match=r"webdataset is not installed; pip install 'mezzotint\[train\]'"):
        verb.load("run")
