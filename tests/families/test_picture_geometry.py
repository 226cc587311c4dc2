"""The geometry of the networks that look at pictures, read off the complete tables of the published files."""

from pathlib import Path

import pytest

from families.published import tensors
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import checker_hf, depth_timm, tiny_numbered, vision_hf, vision_open
from mezzotint.families.picture_geometry import depth_geometry, tiny_geometry, vision_geometry
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.tiny import TinyGeometry
from mezzotint.nets.vision import VIT_BIG_G_14, VIT_H_14, VIT_L_14, VisionGeometry
from mezzotint.values.errors import BadValue, WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

UNCLIP = vision_open.LAYOUT.under(vision_open.UNCLIP, "")
CHECKER = checker_hf.LAYOUT.under(checker_hf.PREFIX, "")


def shapes(kind: str, layout: Layout, prefix: str = "", part: str = "", **changed: tuple[int, ...]) -> Shapes:
    published = {n: t for n, t in tensors(kind).items() if n.startswith(prefix)}
    ours = layout.load(InMemory(Path(kind), published))
    made = {n: tuple(t.shape) for n, t in ours.items()}
    return Shapes(made | {part + n.replace("__", "."): s for n, s in changed.items()}, part, Path(kind))


@pytest.mark.parametrize(
    ("kind", "layout", "prefix", "part", "wanted"),
    [
        ("diffusers_image_encoder_clip_vision_l", vision_hf.LAYOUT, "", "", VIT_L_14),
        ("diffusers_image_encoder_clip_vision_h", vision_hf.LAYOUT, "", "", VIT_H_14),
        ("diffusers_image_encoder_clip_vision_g", vision_hf.LAYOUT, "", "", VIT_BIG_G_14),
        ("original_openai_clip_vit_l14", vision_open.LAYOUT, "", "", VIT_L_14),
        ("ldm_sd21-unclip-h", UNCLIP, "embedder.", "", VIT_H_14),
        ("ldm_sd21-unclip-l", UNCLIP, "embedder.", "", VIT_L_14),
        ("diffusers_sd15", CHECKER, "safety_checker/", "vision.", VIT_L_14),
    ],
)
def test_towers(kind: str, layout: Layout, prefix: str, part: str, wanted: VisionGeometry) -> None:
    assert vision_geometry(shapes(kind, layout, prefix, part)) == wanted
    other = vision_geometry(shapes(kind, layout, prefix, part), heads=8, activation="gelu")
    assert (other.heads, other.activation) == (8, "gelu")


def test_tiny_autoencoders() -> None:
    assert tiny_geometry(shapes("diffusers_vae_taesd", tiny_numbered.DIFFUSERS)) == TinyGeometry()
    assert tiny_geometry(shapes("diffusers_vae_taesd3", tiny_numbered.DIFFUSERS)) == TinyGeometry(latent=16)


def test_depth() -> None:
    assert depth_geometry(shapes("ldm_sd2-depth", depth_timm.LAYOUT, "depth_model.")) == DepthGeometry()


def test_what_no_network_has() -> None:
    kind = "diffusers_image_encoder_clip_vision_l"
    with pytest.raises(BadValue, match="no square"):
        vision_geometry(shapes(kind, vision_hf.LAYOUT, position=(256, 1024)))
    with pytest.raises(WeightsMismatch, match=r"encoder\.conv_in"):
        tiny_geometry(shapes("original_taesd_decoder", tiny_numbered.DECODER))
    with pytest.raises(BadValue, match="of 10 layers"):
        depth_geometry(Shapes(few_layers(), "", Path("depth")))


def few_layers() -> dict[str, tuple[int, ...]]:
    published = {n: t for n, t in tensors("ldm_sd2-depth").items() if n.startswith("depth_model.")}
    ours = depth_timm.LAYOUT.load(InMemory(Path("depth"), published))
    kept = {n: t for n, t in ours.items() if not n.startswith(("blocks.10.", "blocks.11."))}
    return {n: tuple(t.shape) for n, t in kept.items()}
