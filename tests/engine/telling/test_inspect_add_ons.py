"""What `inspect` says of add-ons: whom they fit, what their trainers wrote, and that none of it can do harm."""

import hashlib
import json
from pathlib import Path

import pytest
import torch

from cli.commands import here
from families.reduced import saved, single
from mezzotint.cli import inspect as command
from mezzotint.engine.telling.add_ons import MAX_JSON, frequent, training
from mezzotint.engine.telling.inspect import inspect
from mezzotint.families.fitting import fits
from mezzotint.weights.files import InMemory, save_tensors
from weights.pickled import saved as pickled

BLOCK = "down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"


def wide(*shape):
    return torch.zeros(shape)


def kohya(width, prefix="lora_unet_" + BLOCK):
    return {f"{prefix}.lora_down.weight": wide(4, width), f"{prefix}.lora_up.weight": wide(320, 4)}


SD3 = ("sd3-medium", "sd3.5-medium", "sd3.5-large")
CASES = {
    "LoRA of SD 1": (kohya(768), "a LoRA", ["sd1"]),
    "LoRA of SD 2": (kohya(1024), "a LoRA", ["sd2"]),
    "LoRA of SDXL": (kohya(2048), "a LoRA", ["sdxl"]),
    "LoRA of peft": (
        {"unet.up_blocks.1.attn2.to_v.lora_A.weight": wide(4, 2048)},
        "a LoRA",
        ["sdxl"],
    ),
    "numbered LoRA": ({"unet:0:down": wide(4, 320), "unet:5:down": wide(4, 768)}, "a LoRA", ["sd1"]),
    "LoRA of a text encoder": (kohya(768, "lora_te_text_model_x"), "a LoRA", ["sd1"]),
    "LoRA of two text encoders": (kohya(768, "lora_te2_text_model_x"), "a LoRA", ["sdxl"]),
    "LoRA of a transformer": (kohya(1536, "lora_unet_joint_blocks_0_x"), "a LoRA", "joint"),
    "LoRA that nothing tells": (kohya(77, "lora_unet_x"), "a LoRA", []),
    "ControlNet": (
        {"control_model.input_blocks.1.1.transformer_blocks.0.attn2.to_k.weight": wide(320, 768)},
        "a ControlNet",
        ["sd1"],
    ),
    "IP-Adapter": ({"ip_adapter.1.to_k_ip.weight": wide(640, 2048)}, "an IP-Adapter", ["sdxl"]),
    "IP-Adapter of SD 3": (
        {
            "image_proj.time_embedding.linear_1.weight": wide(1280, 320),
            "ip_adapter.0.to_k_ip.weight": wide(2432, 2432),
        },
        "an IP-Adapter",
        ["sd3.5-large"],
    ),
    "T2I-Adapter": (
        {"conv_in.weight": wide(8, 192, 3, 3), "body.0.block1.weight": wide(8, 8, 3, 3)},
        "a T2I-Adapter",
        ["sd1"],
    ),
    "T2I-Adapter of SDXL": ({"adapter.conv_in.weight": wide(8, 768, 3, 3)}, "a T2I-Adapter", ["sdxl"]),
    "odd T2I-Adapter": ({"body.0.block1.weight": wide(8)}, "a T2I-Adapter", []),
    "autoencoder": (
        {n: t for n, t in single("sd1").items() if n.startswith("first_stage_model.")},
        "an autoencoder alone",
        "four",
    ),
    "TAESD": (
        {"1.conv.0.weight": wide(8, 8, 3, 3), "1.weight": wide(8, 16, 3, 3)},
        "a tiny autoencoder",
        "joint",
    ),
    "TAESD encoder": (
        {"1.conv.0.weight": wide(8, 8, 3, 3), "14.weight": wide(4, 8, 3, 3)},
        "a tiny autoencoder",
        "four",
    ),
    "odd TAESD": ({"1.conv.0.weight": wide(8)}, "a tiny autoencoder", []),
    "embedding of SD 1": ({"emb_params": wide(3, 768)}, "a textual inversion", ["sd1"]),
    "embedding of SD 2": ({"emb_params": wide(3, 1024)}, "a textual inversion", ["sd2"]),
    "embedding of SDXL": ({"clip_l": wide(2, 768), "clip_g": wide(2, 1280)}, "a textual inversion", ["sdxl"]),
    "embedding of SD 3": ({"clip_l": wide(2, 768), "t5xxl": wide(2, 4096)}, "a textual inversion", "joint"),
    "upscaler": ({"model.1.sub.0.RDB1.conv1.0.weight": wide(1)}, "an upscaler of pictures", []),
}


@pytest.mark.parametrize("name", CASES)
def test_whom_an_add_on_fits(name, tmp_path):
    tensors, kind, wanted = CASES[name]
    save_tensors(tensors, tmp_path / "a.safetensors")
    report = inspect(tmp_path / "a.safetensors").to_plain()
    found = report["file"].get("made_for", "")
    assert report["file"]["kind"] == kind
    if wanted == "joint":
        assert "sd3" in found and "sdxl" not in found
    elif wanted == "four":
        assert found.split(" or ")[0] == "sd1" and "sdxl" in found and "sd3" not in found
    else:
        assert found == " or ".join(wanted)
    assert bool(found) == ("fits" in report["decided_by"])


def test_kinds_that_fit_nothing_are_not_guessed():
    assert fits("a depth network", InMemory(Path("a"), {})) == ((), "")


LORA = {
    "ss_output_name": "pixel \x1b[31mred",
    "ss_base_model_version": "sd_v1",
    "ss_network_dim": "8",
    "ss_network_alpha": "4.0",
    "modelspec.trigger_phrase": "pixel art",
    "sshs_model_hash": "ab" * 32,
    "sshs_legacy_hash": "abcd1234",
    "ss_tag_frequency": json.dumps(
        {"10_cat": {"cat": 10, "\x1b]0;evil\x07": 3}, "b": {"cat ": 2, "dog": 5, "x": "y"}}
    ),
}


def test_a_lora_tells_what_its_trainer_wrote(tmp_path, capsys):
    path = tmp_path / "a.safetensors"
    save_tensors(kohya(768), path, LORA)
    told = inspect(path).to_plain()
    said = told["training"]
    assert (said["rank"], said["alpha"], said["base"]) == ("8", "4.0", "sd_v1")
    assert said["trigger_phrase"] == "pixel art" and said["addnet_hash"] == "ab" * 32
    assert said["words"].startswith("cat (12), dog (5), ") and "\x1b" not in json.dumps(said)
    right = hashlib.sha256(path.read_bytes()).hexdigest()
    assert told["file"]["sha256"] == right and told["file"]["short_hash"] == right[:10]
    done = here(capsys, "inspect", path)
    assert "\x1b" not in done.out and "\\x1b[31mred" in done.out and done.code == 0
    shown = here(capsys, "inspect", path, "--json")
    assert json.loads(shown.out) == told


@pytest.mark.parametrize(
    "text", ["", "[]", "7", "{", "[" * 100_000, '{"a": 1}', '{"a": {"b": -1, "c": true}}']
)
def test_words_that_are_none(text):
    assert frequent(text) == [] and training({"ss_tag_frequency": text}) == ()


def test_foreign_text_is_bounded():
    assert frequent(json.dumps({"a": {"b": 1}}) + " " * MAX_JSON) == []
    many = frequent(json.dumps({"a": {f"{n}" * 100: n + 1 for n in range(1000)}}))
    assert len(many) == 20 and max(len(word) for word, _ in many) <= 60
    (section,) = training({"ss_output_name": "x" * 10_000, "other": "y"})
    assert [len(value) for _, value in section.rows] == [200]


def test_an_embedding_tells_its_word_and_its_vectors(tmp_path):
    save_tensors({"clip_l": wide(2, 768), "clip_g": wide(2, 1280)}, tmp_path / "cat.safetensors")
    told = inspect(tmp_path / "cat.safetensors").to_plain()["file"]
    assert told["word"] == "cat" and "2 of width 1280 for clip_g" in told["vectors"]
    save_tensors({"emb_params": wide(400, 768)}, tmp_path / "b.safetensors")
    assert "1 to 75 vectors" in inspect(tmp_path / "b.safetensors").to_plain()["file"]["cannot_be_used"]
    vectors = {"string_to_param": {"*": torch.ones(3, 768)}, "name": "dog"}
    (tmp_path / "c.pt").write_bytes(pickled(vectors))
    told = inspect(tmp_path / "c.pt").to_plain()["file"]
    assert told["word"] == "dog" and told["made_for"] == "sd1" and len(told["sha256"]) == 64


def test_what_is_missing_is_named(tmp_path):
    def missing(*beginnings):
        tensors = {n: t for n, t in single("sd1").items() if n.startswith(beginnings)}
        save_tensors(tensors, tmp_path / "a.safetensors")
        return inspect(tmp_path / "a.safetensors").to_plain()["file"].get("missing")

    assert missing("model.diffusion_model.") == "a text encoder and an autoencoder"
    assert missing("first_stage_model.") == "a denoiser and a text encoder"
    assert missing("model.", "first_stage_model.") == "a text encoder" and missing("") is None


def test_a_large_file_shows_how_far_its_hash_is(tmp_path, capsys, monkeypatch):
    path = saved("sd1", tmp_path)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert "hashing" not in here(capsys, "inspect", path).err
    monkeypatch.setattr(command, "LARGE", 1)
    done = here(capsys, "inspect", path)
    assert done.err.endswith("\r\x1b[K") and done.code == 0
    command.hashing(1, 4)
    assert capsys.readouterr().err == "\r\x1b[Khashing, 25 %"
