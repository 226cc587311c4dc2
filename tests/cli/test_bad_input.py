"""Bad input: one clear line that says what to do, an exit code, no traceback, no file.

Each row runs the real command line; what needs signals or limits of the system runs as a process of its own.
"""

import errno
import os
import pickle
import resource
import signal
import subprocess
import time

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from cli.commands import TOY, apart, command, error_of, files, here
from mezzotint.values.names import SAMPLERS


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A folder to work in, with model files and pictures of every bad kind in `bad/`."""
    bad = tmp_path / "bad"
    bad.mkdir()
    (bad / "folder").mkdir()
    (bad / "empty.safetensors").touch()
    save_file({"some.weight": torch.zeros(64, 64)}, bad / "other.safetensors")
    (bad / "cut.safetensors").write_bytes((bad / "other.safetensors").read_bytes()[:5000])
    (bad / "pickle.ckpt").write_bytes(pickle.dumps(os.getcwd))
    torch.save({"a": torch.zeros(2)}, bad / "zip.safetensors")
    for name, keys in KINDS.items():
        save_file({key: torch.zeros(2, 32) for key in keys}, bad / f"{name}.safetensors")
    (bad / "page.safetensors").write_text("<!doctype html><title>404</title>")
    Image.new("RGB", (64, 64), "red").save(bad / "plain.png")
    (bad / "cut.png").write_bytes((bad / "plain.png").read_bytes()[:60])
    work = tmp_path / "work"
    work.mkdir()
    monkeypatch.chdir(work)
    return work


KINDS = {
    "lora": ["lora_unet_mid_block_attentions_0_proj_in.lora_up.weight"],
    "word": ["emb_params"],
    "hyper": ["320.0.linear.0.weight"],
    "whole": [
        "model.diffusion_model.input_blocks.0.0.weight",
        "first_stage_model.encoder.conv_in.weight",
        "cond_stage_model.model.x.weight",
    ],
    "eye": ["ip_adapter.1.to_k_ip.weight"],
}
"""A name or two that tell what kind of file it is."""

SWAPPED = [
    (["cat", "--lora", "../bad/word.safetensors"], "is a textual inversion, not a LoRA", "with --embedding"),
    (["cat", "--lora", "../bad/whole.safetensors"], "is a model, not a LoRA", "give it with --model"),
    (["cat", "--lora", "../bad/hyper.safetensors"], "is a hypernetwork, not a LoRA", "use a LoRA or"),
    (
        ["cat", "--lora", "../bad/eye.safetensors"],
        "is an IP-Adapter, not a LoRA",
        "give it with --image-prompt",
    ),
    (
        ["cat", "--embedding", "cat=../bad/lora.safetensors"],
        "is a LoRA, not a textual inversion",
        "with --lora",
    ),
    (
        ["cat", "--embedding", "cat=../bad/whole.safetensors"],
        "is a model, not a textual",
        "give it with --model",
    ),
    (
        ["cat", "--embedding", "cat=../bad/hyper.safetensors"],
        "is a hypernetwork, not a textual",
        "use a LoRA or",
    ),
    (["cat", "--model", "../bad/lora.safetensors"], "is a LoRA, not a model to draw with", "with --lora"),
    (
        ["cat", "--model", "../bad/word.safetensors"],
        "is a textual inversion, not a model",
        "with --embedding",
    ),
    (["cat", "--model", "../bad/hyper.safetensors"], "is a hypernetwork, not a model", "use a LoRA or"),
]
"""One kind of file where another belongs."""

ROWS = [
    *((words, f"{words[-1].removeprefix('cat=')}: {message}", hint) for words, message, hint in SWAPPED),
    (["cat", "--sampler", "eulr"], "unknown sampler 'eulr'", "did you mean euler?"),
    (["cat", "--sampler", "DPM++ 2M"], "unknown sampler 'DPM++ 2M'", "did you mean dpmpp_2m?"),
    (["cat", "--sampler", "zzz"], "unknown sampler 'zzz'", f"known: {', '.join(SAMPLERS)}"),
    (["cat", "--spacing", "karas"], "unknown spacing 'karas'", "did you mean karras?"),
    (["cat", "--numerics", "exakt"], "unknown numerics 'exakt'", "did you mean exact?"),
    (["cat", "--precision", "fp8"], "unknown precision 'fp8'", "known: float32"),
    (["cat", "--prediction", "v"], "unknown prediction 'v'", "known: noise, velocity"),
    (["cat", "--device", "gpu"], "unknown device 'gpu'", "known: cpu"),
    (["cat", "--width", "100000000"], "width: 100000000 is out of range", "use 8 to 4096"),
    (["cat", "--width", "0"], "width: 0 is out of range", "use 8 to 4096"),
    (["cat", "--height", "-8"], "height: -8 is out of range", "use 8 to 4096"),
    (["cat", "--height", "513"], "height: 513 is not a multiple of 8", "steps of 8"),
    (["cat", "--height", "big"], "height: must be a whole number, not 'big'", "height in pixels"),
    (["cat", "--steps", "0"], "steps: 0 is out of range", "use 1 to 1000"),
    (["cat", "--steps", "1000000"], "steps: 1000000 is out of range", "use 1 to 1000"),
    (["cat", "--guidance", "nan"], "guidance: must be a finite number", "use 0 to 100"),
    (["cat", "--guidance=-inf"], "guidance: must be a finite number", "use 0 to 100"),
    (["cat", "--guidance", "101"], "guidance: 101.0 is out of range", "use 0 to 100"),
    (["cat", "--eta", "2"], "eta: 2.0 is out of range", "use 0 to 1"),
    (["cat", "--seed", "-1"], "seed: -1 is out of range", "use 0 to"),
    (["cat", "--seed", str(2**64)], "seed: 18446744073709551616 is out of range", "use 0 to"),
    (["cat", "--seed", str(2**64 - 1), "--count", "2"], "seed: ", "use 0 to"),
    (["cat", "--seed", "1.5"], "seed: must be a whole number, not '1.5'", "starting noise"),
    (["cat", "--clip-skip", "13"], "clip_skip: 13 is out of range", "use 1 to 12"),
    (["cat", "--count", "0"], "count: 0 is out of range", "use 1 to 1000"),
    (["cat", "--threads", "0"], "threads: 0 is out of range", "use 1 to 1024"),
    ([""], "prompt: is empty", "say what to draw"),
    (["  \n"], "prompt: is empty", "say what to draw"),
    (["--steps", "3"], "prompt: is empty", "say what to draw"),
    (["x" * 100_000], "prompt: has 100000 characters, at most 32768", "shorten it"),
    (["a\0b"], "prompt: holds a NUL", "remove it"),
    (["a\udce9b"], "prompt: holds half a surrogate pair", "remove the broken character"),
    (["cat", "--negative", "x" * 100_000], "negative: has 100000 characters", "shorten it"),
    (["a", "red", "apple"], "'red' is one word too many", "in quotes"),
    (["cat", "--samplr", "euler"], "unknown flag --samplr", "did you mean --sampler?"),
    (["cat", "--steps"], "--steps: expected one argument", "mezzotint --help"),
    (["cat", "-o", "cat.gif"], "output: 'cat.gif'", "end it in .png"),
    (["cat", "-o", "no/such/cat.png"], "no/such: could not be written: no such folder", "make it first"),
    (["cat", "--model", "toys"], "no model 'toys'", "did you mean toy?"),
    (["cat", "--model", "sd1"], "no model 'sd1'", "give the path"),
    (["cat", "--model", "../bad/none.safetensors"], "no model '../bad/none.safetensors'", "give the path"),
    (["cat", "--model", "../bad/empty.safetensors"], "../bad/empty.safetensors: ", ""),
    (["cat", "--model", "../bad/cut.safetensors"], "../bad/cut.safetensors: ", "download it again"),
    (["cat", "--model", "../bad/other.safetensors"], "../bad/other.safetensors: ", ""),
    (["cat", "--model", "../bad/pickle.ckpt"], "../bad/pickle.ckpt: is a pickle", "use the .safetensors"),
    (
        ["cat", "--model", "../bad/zip.safetensors"],
        "../bad/zip.safetensors: is something unknown, not a model",
        "give a whole model",
    ),
    (["cat", "--model", "../bad/page.safetensors"], "../bad/page.safetensors: ", ""),
    (["cat", "--model", "../bad/plain.png"], "../bad/plain.png: ", ""),
    (["cat", "--model", "../bad/folder"], "no model '../bad/folder'", "has no unet/"),
    (["cat", "--model", ""], "model: is empty", ""),
    (["replay"], "FILE is missing", "mezzotint replay --help"),
    (["replay", "none.png"], "none.png: ", ""),
    (["replay", "../bad/plain.png"], "../bad/plain.png: holds no settings", "mezzotint inspect"),
    (["replay", "../bad/cut.png"], "../bad/cut.png: ", ""),
    (["replay", "../bad/pickle.ckpt"], "../bad/pickle.ckpt: is not a", ""),
    (["inspect", "none"], "no model 'none'", ""),
    (["inspect", "../bad/pickle.ckpt"], "../bad/pickle.ckpt: is a pickle", "use the .safetensors"),
    (["inspect", "../bad/cut.safetensors"], "../bad/cut.safetensors: ", "download it again"),
    (["inspect", "../bad/folder"], "no model '../bad/folder'", "has no unet/"),
    (["convert", "toy", "../bad"], "../bad: could not be written: it exists already", "another folder"),
    (
        ["convert", "toy", "new.safetensors"],
        "new.safetensors: could not be written: a single file cannot",
        "a folder",
    ),
    (["convert", "toy", "new", "--averaged"], "toy: holds no second copy", "leave --averaged out"),
    (["convert", "toys", "new"], "no model 'toys'", "did you mean toy?"),
    (["data"], "'data' needs a second word", "mezzotint data build"),
    (["train", "everything"], "'train' needs a second word", "mezzotint train denoiser"),
]


def label(row):
    return (
        " ".join(word if len(word) < 40 else f"{word[:9]}..." for word in row[0])
        .encode("ascii", "replace")
        .decode()
    )


@pytest.mark.parametrize(("words", "message", "hint"), ROWS, ids=map(label, ROWS))
def test_bad_input_is_one_line_and_leaves_no_file(capsys, place, words, message, hint):
    drawing = [*TOY[:2], *words] if words and words[0] == "cat" and "--model" not in words else words
    done = here(capsys, *drawing)
    line = error_of(done)
    assert line.startswith(f"error: {message}"), line
    assert hint in line
    assert done.code == (1 if "could not be written" in line else 2)
    assert done.out == ""
    assert files(place) == []


def test_a_good_command_passes_the_same_test(capsys, place):
    """The negative control of the table: the same place with nothing wrong gives a picture and no error."""
    done = here(capsys, "cat", *TOY)
    assert done.code == 0
    assert "error" not in done.err
    assert files(place) == ["cat.png"]


@pytest.mark.parametrize("where", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_nothing(capsys, place, monkeypatch, where):
    def full(*arguments, **options):
        raise OSError(errno.ENOSPC, "No space left on device")

    target = {"write": "PIL.Image.Image.save", "fsync": "os.fsync", "replace": "os.replace"}[where]
    monkeypatch.setattr(target, full)
    done = here(capsys, "cat", *TOY)
    assert error_of(done).startswith("error: cat.png: could not be written: No space left on device")
    assert done.code == 1
    assert files(place) == []


def test_a_limit_of_the_system_in_the_middle_of_writing_leaves_nothing(place):
    limited = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (900, 900))"
    code = f"{limited}; import sys; from mezzotint.cli.main import main; sys.exit(main())"
    words = command("cat", *TOY)
    done = subprocess.run(
        [words[0], "-c", code, *words[3:]], cwd=place, capture_output=True, text=True, timeout=120
    )
    assert "error: cat.png: could not be written: File too large" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert files(place) == []
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 900


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_stopping_in_the_middle_is_one_line_and_leaves_nothing(place, number):
    words = command("cat", "--model", "toy", "--steps", "1000", "--threads", "1", "--count", "9")
    # What starts the tests in the background may ignore Ctrl-C, and a child inherits that.
    run = subprocess.Popen(
        words,
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert "1000 steps" in run.stderr.readline()
    time.sleep(0.2)
    run.send_signal(number)
    out, err = run.communicate(timeout=60)
    lines = [line for line in err.splitlines() if not line.startswith("picture")]
    assert lines == ["error: stopped, nothing half-written is left; the same command starts again"]
    assert out == ""
    assert run.returncode == 130
    assert files(place) == []


def test_a_failed_command_as_a_process_has_the_same_code_and_line(place):
    done = apart("cat", "--sampler", "eulr", folder=place)
    assert done.code == 2
    assert error_of(done).startswith("error: unknown sampler 'eulr'; did you mean euler?")
    assert done.out == ""


def test_a_reader_that_goes_away_is_no_error(place):
    words = " ".join(command("models"))
    done = subprocess.run(["bash", "-c", f"{words} | true"], cwd=place, capture_output=True, text=True)
    assert done.stderr == ""


def test_a_full_disk_under_the_output_is_one_line(place):
    words = " ".join(command("models"))
    done = subprocess.run(["bash", "-c", f"{words} > /dev/full"], cwd=place, capture_output=True, text=True)
    expected = "error: No space left on device; check the file, its permissions and the free space\n"
    assert (done.returncode, done.stderr) == (1, expected)


def test_errors_about_flags_come_before_torch(place):
    code = "import sys; from mezzotint.cli.main import main; main(['x', '--sampler', 'eulr']); "
    code += "print('torch' in sys.modules)"
    done = subprocess.run([command()[0], "-c", code], cwd=place, capture_output=True, text=True)
    assert done.stdout.strip() == "False"
