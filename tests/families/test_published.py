"""The complete tables of the published checkpoints: every key is taken or left out on purpose, and everything fits."""

from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest
import torch

from families.published import FOLDERS, KINDS, checkpoint, tensors
from mezzotint.families.assemble import check_fit, empty_model, weights_of
from mezzotint.families.layouts import folder, single_file, unet_diffusers
from mezzotint.families.layouts.unet_diffusers import ADD_EMBEDDING, CLASS_EMBEDDING
from mezzotint.families.resolve import Resolved, resolve, shapes_of
from mezzotint.families.sd1 import SD1, SD1_INPAINTING
from mezzotint.families.sd2 import SD2, SD2_DEPTH, SD2_INPAINTING, SD2_UNCLIP
from mezzotint.families.sdxl import SDXL, SDXL_REFINER
from mezzotint.families.tables import folder_of, single_file_of
from mezzotint.families.upscaler import X4_UPSCALER
from mezzotint.nets.unet import Vector
from mezzotint.nets.vision import VIT_L_14
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory

FAMILY = {
    "ldm_sd15": SD1,
    "diffusers_sd15": SD1,
    "ldm_sd15-inpainting": SD1_INPAINTING,
    "diffusers_sd15-inpainting": SD1_INPAINTING,
    "ldm_sd2-base": SD2,
    "ldm_sd2-768-v": SD2,
    "diffusers_sd21-768-v": SD2,
    "ldm_sd2-inpainting": SD2_INPAINTING,
    "diffusers_sd2-inpainting": SD2_INPAINTING,
    "ldm_sd2-depth": SD2_DEPTH,
    "ldm_sd21-unclip-h": SD2_UNCLIP,
    "ldm_sd21-unclip-l": SD2_UNCLIP,
    "ldm_sd-x4-upscaler": X4_UPSCALER,
    "diffusers_sd-x4-upscaler": X4_UPSCALER,
    "sgm_sdxl-base": SDXL,
    "diffusers_sdxl-base": SDXL,
    "sgm_sdxl-refiner": SDXL_REFINER,
    "diffusers_sdxl-refiner": SDXL_REFINER,
}
COUNTS = {
    "ldm_sd15": (1130, 701),
    "ldm_sd15-inpainting": (1130, 701),
    "ldm_sd2-base": (1227, 13),
    "ldm_sd2-768-v": (1227, 13),
    "ldm_sd2-inpainting": (1227, 13),
    "ldm_sd2-depth": (1593, 15),
    "ldm_sd21-unclip-h": (1623, 27),
    "ldm_sd21-unclip-l": (1527, 171),
    "ldm_sd-x4-upscaler": (1184, 21),
    "sgm_sdxl-base": (2513, 3),
    "sgm_sdxl-refiner": (1857, 2),
    "diffusers_sd15": (1130, 398),
    "diffusers_sd15-inpainting": (1130, 398),
    "diffusers_sd21-768-v": (1306, 1),
    "diffusers_sd2-inpainting": (1306, 1),
    "diffusers_sd-x4-upscaler": (1263, 1),
    "diffusers_sdxl-base": (2641, 0),
    "diffusers_sdxl-refiner": (1985, 0),
}
"""How many names are taken, and how many are left out on purpose."""


@cache
def resolved(kind: str) -> Resolved:
    return resolve(checkpoint(kind), None)


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_is_taken_or_knowingly_left_out(kind: str) -> None:
    everything = checkpoint(kind, tensors(kind, optional=True))
    matched = resolve(everything, None).table.match(everything.source)
    assert matched.unknown == ()
    assert (len(matched.taken), len(matched.dropped)) == COUNTS[kind]
    assert len(matched.taken) + len(matched.dropped) == len(everything.source)


@pytest.mark.parametrize("kind", KINDS)
def test_every_weight_of_our_networks_is_filled_with_the_right_shape(kind: str) -> None:
    published = checkpoint(kind)
    resolved = resolve(published, None)
    shapes = shapes_of(resolved.table, published.source)
    wanted = weights_of(empty_model(resolved.family).networks)
    check_fit(wanted, shapes, published.path)
    assert shapes.keys() == wanted.keys() and len(shapes) > 1100
    missing = shapes | {"unet.conv_in.bias": (1,)}
    del missing["unet.conv_in.weight"]
    with pytest.raises(WeightsMismatch, match=r"1 missing .* 1 of wrong shape"):
        check_fit(wanted, missing, published.path)


@pytest.mark.parametrize("kind", KINDS)
def test_the_geometry_read_off_the_shapes_is_that_of_the_family(kind: str) -> None:
    family, own = resolved(kind).family, FAMILY[kind]
    assert (family.name, family.autoencoder, family.latent) == (own.name, own.autoencoder, own.latent)
    assert family.schedule == own.schedule and family.condition is own.condition
    if kind == "ldm_sd21-unclip-l":
        assert family.unet == replace(own.unet, added=Vector(pooled=768, numbers=1, waves=768))
        assert family.pictures == {"image": VIT_L_14}
    else:
        assert family.unet == own.unet
        assert kind in FOLDERS or family.pictures == own.pictures
    for part, wanted in zip(family.texts, own.texts, strict=True):
        assert (part.name, part.pad, part.normed) == (wanted.name, wanted.pad, wanted.normed)
        if kind.startswith("diffusers_sd") and wanted.normed and wanted.skip:
            assert part.geometry == replace(wanted.geometry, layers=23, projection=None)
            assert (part.skip, part.absent) == (0, 1)
        else:
            assert part.geometry == wanted.geometry
            assert (part.skip, part.absent) == (wanted.skip, 0)


@pytest.mark.parametrize("kind", KINDS)
def test_the_family_writes_its_own_layout_as_it_was_read(kind: str) -> None:
    found = resolved(kind)
    write = folder_of if kind in FOLDERS else single_file_of
    ours = found.table.load(checkpoint(kind).source)
    back = write(found.family).export(InMemory(found.checkpoint.path, ours))
    taken = found.table.match(checkpoint(kind).source).taken
    if kind.endswith("refiner"):
        assert sorted(map(one_folder, back)) == sorted(map(one_folder, taken))
    else:
        assert set(back) == set(taken)


def one_folder(name: str) -> str:
    """The one encoder of the refiner is listed in the folder of the first; its pipeline reads it from the second."""
    return name.replace("text_encoder_2/", "text_encoder/") if "text_encoder" in name else name


def test_each_form_of_the_unet_alone_is_read_and_written() -> None:
    """Folders of which only the UNet is listed."""
    for kind, spelling, count in (
        ("diffusers_unet_sd2-depth", ADD_EMBEDDING, 686),
        ("diffusers_unet_sd21-unclip-h", CLASS_EMBEDDING, 690),
        ("diffusers_unet_sd21-unclip-l", CLASS_EMBEDDING, 690),
    ):
        listed = tensors(kind)
        table = unet_diffusers.layout(spelling)
        ours = table.load(InMemory(Path(kind), listed))
        back = table.export(InMemory(Path(kind), ours))
        assert {n: t.shape for n, t in back.items()} == {n: t.shape for n, t in listed.items()}
        assert len(listed) == count


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
    found = resolved(kind)
    assert (found.decided.prediction.name if found.decided else None) == prediction
    assert found.decided_by["prediction"] == by


@pytest.mark.parametrize("kind", KINDS)
def test_exporting_gives_the_published_names_and_shapes_back(kind: str) -> None:
    source = checkpoint(kind).source
    table = resolved(kind).table
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
    rows = single_file.layout(2, SD1.unet.attention, 4, (single_file.CLIP_HF,)).rules
    assert len({rule.theirs for rule in rows}) == len(rows)
    assert len({tuple(rule.targets) for rule in folder.LAYOUT.rules}) < len(folder.LAYOUT.rules)


def test_one_strange_key_is_an_error() -> None:
    strange = tensors("ldm_sd15") | {"model.diffusion_model.what": torch.empty(1, device="meta")}
    with pytest.raises(WeightsMismatch, match=r"1 unexpected \(model\.diffusion_model\.what\)"):
        resolve(checkpoint("ldm_sd15", strange), None)
