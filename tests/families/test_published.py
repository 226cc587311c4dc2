"""The complete tables of the published checkpoints: every key is taken or left out on purpose, and everything fits."""

from dataclasses import replace

import pytest
import torch

from families.published import KINDS, checkpoint, tensors
from mezzotint.families.assemble import check_fit, empty_networks, weights_of
from mezzotint.families.layouts import folder, single_file
from mezzotint.families.resolve import resolve, shapes_of
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory

FAMILY = {"ldm_sd15": SD1, "diffusers_sd15": SD1, "ldm_sd2-base": SD2, "ldm_sd2-768-v": SD2}
TAKEN = {"ldm_sd15": 1130, "ldm_sd2-base": 1227, "ldm_sd2-768-v": 1227, "diffusers_sd15": 1130}
DROPPED = {"ldm_sd15": 701, "ldm_sd2-base": 13, "ldm_sd2-768-v": 13, "diffusers_sd15": 398}


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_taken_or_knowingly_left_out(kind: str) -> None:
    everything = checkpoint(kind, tensors(kind, optional=True))
    matched = resolve(everything, None).table.match(everything.source)
    assert matched.unknown == ()
    assert len(matched.taken) == TAKEN.get(kind, 1306) and len(matched.dropped) == DROPPED.get(kind, 1)
    assert len(matched.taken) + len(matched.dropped) == len(everything.source)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_of_our_networks_is_filled_with_the_right_shape(kind: str) -> None:
    published = checkpoint(kind)
    resolved = resolve(published, None)
    shapes = shapes_of(resolved.table, published.source)
    wanted = weights_of(empty_networks(resolved.family))
    check_fit(wanted, shapes, published.path)
    assert shapes.keys() == wanted.keys() and len(shapes) > 1100
    missing = shapes | {"unet.conv_in.bias": (1,)}
    del missing["unet.conv_in.weight"]
    with pytest.raises(WeightsMismatch, match=r"1 missing .* 1 of wrong shape"):
        check_fit(wanted, missing, published.path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_geometry_read_off_the_shapes_is_that_of_the_family(kind: str) -> None:
    family = resolve(checkpoint(kind), None).family
    if kind in FAMILY:
        own = FAMILY[kind]
        assert (family.unet, family.autoencoder, family.text) == (own.unet, own.autoencoder, own.text)
        assert (family.pad, family.latent, family.betas) == (own.pad, own.latent, own.betas)
        assert (family.skip, family.absent, family.defaults) == (own.skip, 0, own.defaults)
    else:
        assert family.unet == SD2.unet and family.text == replace(SD2.text, layers=23, projection=None)
        assert (family.skip, family.absent, family.defaults.width) == (0, 1, 768)


@pytest.mark.parametrize(
    ("kind", "prediction", "by"),
    [
        ("ldm_sd15", "noise", "the family: Stable Diffusion 1"),
        ("ldm_sd2-base", None, "open until the network is run once"),
        ("ldm_sd2-768-v", None, "open until the network is run once"),
        ("diffusers_sd15", "noise", "scheduler/scheduler_config.json, which names none and so means epsilon"),
        ("diffusers_sd21-768-v", "velocity", "scheduler/scheduler_config.json"),
    ],
)
def test_what_is_predicted_is_told_or_stays_open(kind: str, prediction: str | None, by: str) -> None:
    resolved = resolve(checkpoint(kind), None)
    assert (resolved.decided.prediction.name if resolved.decided else None) == prediction
    assert resolved.decided_by["prediction"] == by


@pytest.mark.parametrize("kind", KINDS)
def test_exporting_gives_the_published_names_and_shapes_back(kind: str) -> None:
    source = checkpoint(kind).source
    table = resolve(checkpoint(kind), None).table
    back = table.export(InMemory(source.path, table.load(source)))
    assert {n: t.shape for n, t in back.items()} == {n: source[n].shape for n in table.match(source).taken}


def old_spelling(name: str) -> str:
    for new, old in (("to_q", "query"), ("to_k", "key"), ("to_v", "value"), ("to_out.0", "proj_attn")):
        if name.startswith("vae/"):
            name = name.replace(f"attentions.0.{new}.", f"attentions.0.{old}.")
    return name.replace("text_encoder/text_model.", "text_encoder/")


def test_older_and_newer_spellings_of_a_folder_load_the_same() -> None:
    new = tensors("diffusers_sd15")
    old = {old_spelling(name): tensor for name, tensor in new.items()}
    assert sum(a != b for a, b in zip(new, old, strict=True)) == 197 + 16
    again = shapes_of(folder.LAYOUT, checkpoint("diffusers_sd15", old).source)
    assert again == shapes_of(folder.LAYOUT, checkpoint("diffusers_sd15").source)


def test_the_tables_are_tables() -> None:
    rows = single_file.layout(2, SD1.unet.attention, 4, open_clip=False).rules
    assert len({rule.theirs for rule in rows}) == len(rows)
    assert len({tuple(rule.targets) for rule in folder.LAYOUT.rules}) < len(folder.LAYOUT.rules)


def test_one_strange_key_is_an_error() -> None:
    strange = tensors("ldm_sd15") | {"model.diffusion_model.what": torch.empty(1, device="meta")}
    with pytest.raises(WeightsMismatch, match=r"1 unexpected \(model\.diffusion_model\.what\)"):
        resolve(checkpoint("ldm_sd15", strange), None)
