"""Stable Diffusion 2: the same UNet with Linear projections and OpenCLIP ViT-H/14, its last but one layer.

Data only. base (512 pixels) predicts the noise, 768-v the velocity; their files are alike to the last name, so the
prediction is decided for each. With it the models for inpainting, depth and variations of a picture (unCLIP).
Source: Stability-AI/stablediffusion, configs v2-inference.yaml, v2-inference-v.yaml, v2-inpainting-inference.yaml,
v2-midas-inference.yaml, v2-1-stable-unclip-h-inference.yaml.
"""

from dataclasses import replace
from types import MappingProxyType

from mezzotint.diffusion.prediction import NOISE, VELOCITY
from mezzotint.families.family import Defaults, Diffusers, Family, TextPart
from mezzotint.families.layouts.single_file import DEPTH, IMAGE
from mezzotint.families.layouts.unet_diffusers import CLASS_EMBEDDING
from mezzotint.families.look import MASK, MIX, NEAR, PICTURE, inpainting
from mezzotint.families.schedules import Betas
from mezzotint.families.sd1 import AUTOENCODER, LATENT
from mezzotint.families.sights import VARIED, depth, variation
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.nets.vision import VIT_H_14
from mezzotint.text.open_clip import as_open_clip
from mezzotint.text.vocabulary import clip_vocabulary

OPEN_CLIP_H = TextPart(
    name="text",
    geometry=ClipGeometry(
        vocab=49408,
        length=77,
        width=1024,
        layers=24,
        heads=16,
        hidden=4096,
        activation="gelu",
        projection=1024,
    ),
    vocabulary=clip_vocabulary,
    trained=as_open_clip,
    pad=0,
    skip=1,
)

SD2 = Family(
    name="sd2",
    title="Stable Diffusion 2",
    denoiser=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(320, 640, 1280, 1280),
        layers=2,
        attention=(True, True, True, False),
        heads=(5, 10, 20, 20),
        context=1024,
        linear_projection=True,
    ),
    autoencoder=AUTOENCODER,
    texts=(OPEN_CLIP_H,),
    schedule=Betas(),
    prediction=None,
    latent=LATENT,
    defaults=Defaults(width=512, height=512, steps=25, guidance=7.5, sampler="dpmpp_2m", spacing="karras"),
    head_width=64,
    sides=MappingProxyType({NOISE.name: 512, VELOCITY.name: 768}),
)

SD2_INPAINTING = replace(
    SD2,
    name="sd2-inpainting",
    title="Stable Diffusion 2 inpainting",
    denoiser=replace(SD2.unet, in_channels=9),
    prediction=NOISE,
    look=inpainting,
    needs=(PICTURE, MASK),
    sides=MappingProxyType({}),
    diffusers=Diffusers("StableDiffusionInpaintPipeline"),
)
"""The mask and the latent of the masked picture join the latent: 4 + 1 + 4 channels."""

SD2_DEPTH = replace(
    SD2,
    name="sd2-depth",
    title="Stable Diffusion 2 depth",
    denoiser=replace(SD2.unet, in_channels=5),
    prediction=NOISE,
    pictures=MappingProxyType({DEPTH: DepthGeometry()}),
    look=depth,
    needs=(PICTURE,),
    takes=frozenset({NEAR}),
    strength=0.8,
    sides=MappingProxyType({}),
    diffusers=Diffusers("StableDiffusionDepth2ImgPipeline", settings=MappingProxyType({})),
)
"""The depth of the picture joins the latent: 4 + 1 channels."""

SD2_UNCLIP = replace(
    SD2,
    name="sd2-unclip",
    title="Stable Diffusion 2.1 unCLIP",
    denoiser=replace(SD2.unet, added=Vector(pooled=1024, numbers=1, waves=1024)),
    prediction=VELOCITY,
    pictures=MappingProxyType({IMAGE: VIT_H_14}),
    look=variation,
    needs=(PICTURE,),
    takes=frozenset({MIX}),
    levels=VARIED,
    defaults=replace(SD2.defaults, width=768, height=768),
    sides=MappingProxyType({}),
    diffusers=Diffusers(
        "StableUnCLIPImg2ImgPipeline",
        CLASS_EMBEDDING,
        MappingProxyType({}),
        noises=MappingProxyType({"image_noising_scheduler": {"beta_schedule": "squaredcos_cap_v2"}}),
    ),
)
"""The noised image embedding of CLIP and the level of that noise are added to the time (H; L is 768 wide)."""
