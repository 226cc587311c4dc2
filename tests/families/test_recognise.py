"""Recognition: what each kind of file is said to be, what decided it, and which models cannot draw here."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from families.reduced import LETTERS, SMALL1, saved, single, small
from mezzotint.families import toy
from mezzotint.families.checkpoint import FOLDER, SINGLE_FILE
from mezzotint.families.export import export_diffusers
from mezzotint.families.kinds import kind_of
from mezzotint.families.recognise import recognise
from mezzotint.families.registry import find, open_model
from mezzotint.text.vocabulary import load
from mezzotint.values.errors import (
    BadModelFile,
    MezzotintError,
    ModelNotFound,
    PickleRefused,
    WeightsMismatch,
)
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import SafetensorsFile, save_tensors


def use(path: Path) -> ModelUse:
    return ModelUse(base=str(path))


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("exported") / "model"
    export_diffusers(toy.make(LETTERS), folder)
    return folder


@pytest.fixture
def folder(exported: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(exported, tmp_path / "model"))


def test_a_single_file(tmp_path: Path) -> None:
    found = recognise(saved("sd1", tmp_path))
    assert (found.kind, found.family, found.layout) == ("a model", "sd1", SINGLE_FILE)
    assert (found.prediction, found.precision, found.problems) == ("noise", "float32", ())
    networks = small("sd1").networks.values()
    assert found.parameters == sum(p.numel() for network in networks for p in network.parameters())
    assert found.decided_by["heads"] == "the family: Stable Diffusion 1"
    other = recognise(saved("sd2", tmp_path))
    assert (other.family, other.prediction) == ("sd2", None) and "OpenCLIP" in other.decided_by["family"]


def test_a_folder(folder: Path) -> None:
    found = recognise(folder)
    assert (found.kind, found.family, found.layout, found.prediction) == ("a model", "sd1", FOLDER, "noise")
    assert found.decided_by["heads"] == "unet/config.json"
    assert found.decided_by["prediction"] == "scheduler/scheduler_config.json"
    located = find(use(folder))
    assert located.family.defaults.width == 512
    assert located.kind == FOLDER and located.path == folder


def test_recognition_reads_no_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def read(self: SafetensorsFile, name: str) -> Tensor:
        raise AssertionError(f"{name} was read")

    path = saved("sd1", tmp_path)
    monkeypatch.setattr(SafetensorsFile, "tensor", read)
    assert recognise(path).family == "sd1"


KINDS = {
    "a LoRA": [
        "lora_unet_down_blocks_0_attentions_0_proj_in.lora_up.weight",
        "unet.a.to_q.lora_A.weight",
        "lora_te_text_model_encoder_layers_0_mlp_fc1.diff",
        "down_blocks.0.attentions.0.proj_in.oft_blocks",
        "base_model.model.down_blocks.0.resnets.0.conv1.ia3_l",
    ],
    "a hypernetwork": ["320.0.linear.0.weight"],
    "a ControlNet": ["control_model.input_blocks.0.0.weight", "controlnet_cond_embedding.conv_in.weight"],
    "a transformer alone": ["model.diffusion_model.joint_blocks.0.x_block.attn.qkv.weight"],
    "an IP-Adapter": [
        "ip_adapter.1.to_k_ip.weight",
        "image_proj.proj.weight",
        "ip_adapter.0.to_q_lora.up.weight",
    ],
    "a textual inversion": ["emb_params", "<cat-toy>", "clip_l"],
    "a UNet alone": ["model.diffusion_model.input_blocks.0.0.weight", "down_blocks.0.resnets.0.conv1.weight"],
    "an autoencoder alone": ["first_stage_model.encoder.conv_in.weight", "decoder.conv_in.weight"],
    "a text encoder alone": [
        "text_model.embeddings.token_embedding.weight",
        "cond_stage_model.model.x",
        "conditioner.embedders.1.model.x",
    ],
    "something unknown": ["../../etc/passwd", "weights"],
}


@pytest.mark.parametrize(("kind", "name"), [(kind, name) for kind, names in KINDS.items() for name in names])
def test_what_is_no_model_is_named(kind: str, name: str, tmp_path: Path) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors({name: torch.zeros(2, 2)}, path)
    found = recognise(path)
    assert (found.kind, found.family, found.layout, found.parameters) == (kind, None, None, 4)
    assert len(found.problems) == 1 and f"is {kind}, not a model to draw with" in found.problems[0]
    with pytest.raises(BadModelFile, match=kind):
        open_model(use(path))


def test_kinds_of_mixtures() -> None:
    both = ["first_stage_model.encoder.conv_in.weight", "cond_stage_model.model.x"]
    assert kind_of(both) == "an autoencoder and a text encoder alone"
    assert kind_of([]) == "something unknown"
    assert kind_of([*single("sd1"), "control_model.x"]) == "a ControlNet"


def test_an_empty_file(tmp_path: Path) -> None:
    save_tensors({}, tmp_path / "a")
    assert recognise(tmp_path / "a").precision == "none"


def without(name: str) -> Callable[[dict[str, torch.Tensor]], object]:
    return lambda tensors: tensors.pop(name)


UNET, VAE, CLIP = "model.diffusion_model.", "first_stage_model.", "cond_stage_model.transformer.text_model."
BROKEN: dict[str, tuple[Callable[[dict[str, torch.Tensor]], object], type[MezzotintError], str]] = {
    "a weight is missing": (
        without(UNET + "input_blocks.1.0.in_layers.2.bias"),
        WeightsMismatch,
        "1 missing",
    ),
    "a deciding weight is missing": (without(VAE + "decoder.conv_in.weight"), WeightsMismatch, "1 missing"),
    "a weight has another shape": (
        lambda t: t.update({UNET + "out.0.bias": torch.zeros(31)}),
        WeightsMismatch,
        "1 of wrong shape",
    ),
    "a deciding weight has too few axes": (
        lambda t: t.update({UNET + "input_blocks.0.0.weight": torch.zeros(32)}),
        WeightsMismatch,
        "1 of wrong shape",
    ),
    "a strange key": (
        lambda t: t.update({"../../etc/passwd": torch.zeros(1)}),
        WeightsMismatch,
        "1 unexpected",
    ),
    "channels that no family has": (
        lambda t: t.update({UNET + "input_blocks.0.0.weight": torch.zeros(32, 6, 3, 3)}),
        BadModelFile,
        r"none of the families .* \(convolutions\), 2 channels beside the latent",
    ),
    "sizes that no network has": (
        lambda t: t.update({UNET + "input_blocks.1.0.in_layers.2.weight": torch.zeros(33, 32, 3, 3)}),
        BadModelFile,
        "sizes no network can have",
    ),
    "a text encoder of another width": (
        lambda t: t.update(
            {UNET + "middle_block.1.transformer_blocks.0.attn2.to_k.weight": torch.zeros(64, 96)}
        ),
        BadModelFile,
        "do not fit each other",
    ),
    "whole numbers": (
        lambda t: t.update({UNET + "out.0.bias": torch.zeros(32, dtype=torch.int64)}),
        BadModelFile,
        "not as floating point",
    ),
    "no numbers": (
        lambda t: t.update(
            {UNET + "out.0.bias": torch.full((32,), float("nan")), VAE + "quant_conv.bias": inf(8)}
        ),
        BadModelFile,
        r"2 tensors hold values that are no numbers \(first_stage_model\.quant_conv\.bias, model\.diffusion",
    ),
    "too few tokens": (
        lambda t: t.update({CLIP + "embeddings.token_embedding.weight": torch.zeros(100, 32)}),
        BadModelFile,
        "49408 tokens, its text encoder 100",
    ),
}


def inf(count: int) -> torch.Tensor:
    values = torch.zeros(count)
    values[-1] = float("inf")
    return values


@pytest.mark.parametrize("name", BROKEN)
def test_broken_models_are_one_typed_error_that_says_what_is_wrong(name: str, tmp_path: Path) -> None:
    change, error, says = BROKEN[name]
    tensors = single("sd1")
    change(tensors)
    path = tmp_path / "a.safetensors"
    save_tensors(tensors, path)
    with pytest.raises(error, match=says):
        open_model(use(path))


def test_large_values_that_add_up_to_infinity_are_no_problem(tmp_path: Path) -> None:
    path = saved("sd1", tmp_path, **{VAE + "quant_conv.bias": torch.full((8,), 3e38)})
    assert open_model(use(path)).autoencoder.quant is not None


def test_pickles_and_missing_files(tmp_path: Path) -> None:
    torch.save({"a": open_model}, tmp_path / "a.safetensors")
    for act in (find, open_model):
        with pytest.raises(PickleRefused, match=r"registry\.open_model"):
            act(use(tmp_path / "a.safetensors"))
    torch.save({"state_dict": single("sd1"), "global_step": 3}, tmp_path / "sd1.ckpt")
    assert open_model(use(tmp_path / "sd1.ckpt")).digest == open_model(use(saved("sd1", tmp_path))).digest
    for base in (str(tmp_path / "none"), "a" * 4000, "~nobody/x", "a\nb", "tpy", "sd2"):
        with pytest.raises(ModelNotFound) as caught:
            find(ModelUse(base=base))
        assert "toy" in caught.value.hint
    assert "did you mean toy" in str(ModelNotFoundOf("tpy")) and "is a family" in str(ModelNotFoundOf("sd2"))


def ModelNotFoundOf(base: str) -> ModelNotFound:  # noqa: N802
    with pytest.raises(ModelNotFound) as caught:
        find(ModelUse(base=base))
    return caught.value


def test_folders_that_are_no_model(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(ModelNotFound, match="unet/, vae/ and text_encoder/"):
        find(use(tmp_path / "empty"))
    shutil.rmtree(folder / "vae")
    with pytest.raises(BadModelFile, match="has no vae/"):
        find(use(folder))


def edited(path: Path, **entries: object) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | entries))


@pytest.mark.parametrize(
    ("file", "entries", "says"),
    [
        ("unet/config.json", {"act_fn": "gelu"}, "act_fn is gelu"),
        ("unet/config.json", {"attention_head_dim": [8, 8]}, "no usable attention heads for 3 levels"),
        ("unet/config.json", {"attention_head_dim": "8"}, "no usable attention heads"),
        ("unet/config.json", {"norm_num_groups": 0}, "norm_num_groups is 0"),
        ("unet/config.json", {"norm_num_groups": True}, "norm_num_groups is True"),
        ("unet/config.json", {"norm_num_groups": 31}, "sizes no network can have"),
        ("unet/config.json", {"sample_size": -1}, "sample_size is -1"),
        ("vae/config.json", {"scaling_factor": "0.18"}, "scaling_factor is 0.18"),
        ("vae/config.json", {"shift_factor": "0.1"}, "shift_factor is 0.1"),
        ("text_encoder/config.json", {"hidden_act": "relu"}, "hidden_act is relu"),
        ("scheduler/scheduler_config.json", {"beta_schedule": "linear"}, "beta_schedule is linear"),
        (
            "scheduler/scheduler_config.json",
            {"rescale_betas_zero_snr": "yes"},
            "rescale_betas_zero_snr is yes, not true or false",
        ),
        ("scheduler/scheduler_config.json", {"beta_start": 0.5}, "impossible noise schedule"),
        ("scheduler/scheduler_config.json", {"beta_end": float("nan")}, "beta_end is nan"),
        ("scheduler/scheduler_config.json", {"prediction_type": "sample"}, "prediction_type is sample"),
        ("tokenizer/special_tokens_map.json", {"pad_token": "<pad>"}, "without its padding token <pad>"),
    ],
)
def test_settings_that_would_change_the_picture_are_refused(
    file: str, entries: dict[str, object], says: str, folder: Path
) -> None:
    edited(folder / file, **entries)
    assert any(says in problem for problem in recognise(folder).problems)
    with pytest.raises(BadModelFile, match=says):
        find(use(folder))


def test_settings_are_read(folder: Path) -> None:
    edited(folder / "unet/config.json", attention_head_dim=4, sample_size=32)
    edited(folder / "vae/config.json", scaling_factor=0.5)
    edited(folder / "text_encoder/config.json", hidden_act="gelu", num_attention_heads=4)
    edited(folder / "scheduler/scheduler_config.json", beta_end=0.01, num_train_timesteps=100)
    edited(folder / "tokenizer/special_tokens_map.json", pad_token={"content": "!"})
    family = find(use(folder)).family
    assert family.unet.heads == (4, 4, 4) and family.defaults.width == family.defaults.height == 128
    assert (
        family.latent.scale == 0.5
        and family.text.geometry.activation == "gelu"
        and family.text.geometry.heads == 4
    )
    assert family.schedule.last == 0.01 and family.path.times == 100 and family.text.pad == 0


def test_a_folder_without_its_small_files_is_the_family(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    export_diffusers(small("sd1"), folder)
    for part in ("unet/config.json", "vae/config.json", "text_encoder/config.json"):
        (folder / part).unlink()
    shutil.rmtree(folder / "tokenizer")
    shutil.rmtree(folder / "scheduler")
    located = find(use(folder))
    assert located.family.unet == SMALL1.unet and located.family.text == SMALL1.text
    assert located.family.text.vocabulary is SMALL1.text.vocabulary and located.decided_by[
        "prediction"
    ].startswith("the family")
    assert open_model(located).digest == small("sd1").digest


def tokenizer_json(folder: Path, **changes: object) -> Path:
    tokenizer = folder / "tokenizer"
    words = load(tokenizer / "vocab.json", tokenizer / "merges.txt")
    model = {"type": "BPE", "vocab": dict(words.vocab), "merges": [list(rule) for rule in words.merges]}
    (tokenizer / "tokenizer.json").write_text(json.dumps({"version": "1.0", "model": model | changes}))
    for name in ("vocab.json", "merges.txt", "special_tokens_map.json"):
        (tokenizer / name).unlink()
    return tokenizer


def test_a_folder_with_only_the_new_tokenizer_file(folder: Path) -> None:
    before = find(use(folder)).family
    tokenizer = tokenizer_json(folder)
    after = find(use(folder)).family
    assert after.text.pad == before.text.pad == 513
    assert after.text.tokenizer().padded("a small red boat") == before.text.tokenizer().padded(
        "a small red boat"
    )
    edited(tokenizer / "tokenizer_config.json", pad_token="!")
    assert find(use(folder)).family.text.pad == 0
    (tokenizer / "tokenizer_config.json").unlink()
    assert find(use(folder)).family.text.pad == SMALL1.text.pad


def test_merge_rules_may_be_one_text_each(folder: Path) -> None:
    tokenizer_json(folder, vocab={"a": 0, "b": 1, "ab": 2, "<|endoftext|>": 3}, merges=["a b"])
    vocab, merges = find(use(folder)).family.text.vocabulary()
    assert merges == [("a", "b")] and len(vocab) == 4


@pytest.mark.parametrize(
    "changes",
    [{"vocab": None}, {"merges": 7}, {"vocab": {"a": 1}}, {"merges": ["a"]}, {"merges": [["a", "no token"]]}],
)
def test_broken_tokenizer_files(changes: dict[str, object], folder: Path) -> None:
    tokenizer_json(folder, **changes)
    with pytest.raises(BadModelFile, match=r"tokenizer\.json"):
        find(use(folder))


def test_a_home_folder_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    saved("sd1", tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert find(ModelUse(base="~/sd1.safetensors")).family.name == "sd1"
