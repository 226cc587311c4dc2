"""Stable Diffusion XL: a UNet of 2.6 G with two text encoders, trained at 1024 pixels, and its relatives.

Data only: CLIP ViT-L and OpenCLIP ViT-bigG lie side by side. With it its refiner, which takes over the last steps,
its inpainting model, and turbo, which was distilled to few steps and differs in nothing but its defaults. Source:
Stability-AI/generative-models, configs/inference sd_xl_base.yaml and sd_xl_refiner.yaml (Podell et al. 2023; Sauer et
al. 2023).
"""

from dataclasses import replace
from types import MappingProxyType

from mezzotint.diffusion.prediction import NOISE
from mezzotint.families.conditions import refiner, sdxl
from mezzotint.families.family import PROMPTED, Defaults, Diffusers, Family, Latent, TextPart
from mezzotint.families.look import MASK, PICTURE, inpainting
from mezzotint.families.schedules import Betas
from mezzotint.families.sd1 import AUTOENCODER, CLIP_L
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.text.open_clip import as_open_clip
from mezzotint.text.vocabulary import clip_vocabulary

TEXT_L = TextPart(name="text_l", geometry=CLIP_L, vocabulary=clip_vocabulary, pad=49407, skip=1, normed=False)
TEXT_G = TextPart(
    name="text_g",
    geometry=ClipGeometry(
        vocab=49408,
        length=77,
        width=1280,
        layers=32,
        heads=20,
        hidden=5120,
        activation="gelu",
        projection=1280,
    ),
    vocabulary=clip_vocabulary,
    trained=as_open_clip,
    pad=0,
    skip=1,
    normed=False,
)

SDXL = Family(
    name="sdxl",
    title="Stable Diffusion XL",
    denoiser=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(320, 640, 1280),
        layers=2,
        attention=(False, True, True),
        heads=(5, 10, 20),
        context=2048,
        blocks=10,
        depth=(1, 2, 10),
        linear_projection=True,
        added=Vector(pooled=1280, numbers=6, waves=256),
    ),
    autoencoder=AUTOENCODER,
    texts=(TEXT_L, TEXT_G),
    schedule=Betas(),
    prediction=NOISE,
    latent=Latent(channels=4, factor=8, scale=0.13025),
    defaults=Defaults(width=1024, height=1024, steps=30, guidance=5.0, sampler="dpmpp_2m", spacing="karras"),
    condition=sdxl,
    head_width=64,
    diffusers=Diffusers(
        "StableDiffusionXLPipeline",
        settings=MappingProxyType({**PROMPTED, "force_zeros_for_empty_prompt": True}),
    ),
)

SDXL_INPAINTING = replace(
    SDXL,
    name="sdxl-inpainting",
    title="Stable Diffusion XL inpainting",
    denoiser=replace(SDXL.unet, in_channels=9),
    look=inpainting,
    needs=(PICTURE, MASK),
    diffusers=replace(SDXL.diffusers, pipeline="StableDiffusionXLInpaintPipeline"),
)
"""The mask and the latent of the masked picture join the latent: 4 + 1 + 4 channels."""

SDXL_TURBO = replace(
    SDXL,
    name="sdxl-turbo",
    title="Stable Diffusion XL turbo",
    defaults=Defaults(width=512, height=512, steps=4, guidance=1.0, sampler="euler_a", spacing="trailing"),
)
"""Distilled to few steps, without guidance; names and shapes are those of SDXL."""

SDXL_REFINER = replace(
    SDXL,
    name="sdxl-refiner",
    title="Stable Diffusion XL refiner",
    denoiser=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(384, 768, 1536, 1536),
        layers=2,
        attention=(False, True, True, False),
        heads=(6, 12, 24, 24),
        context=1280,
        blocks=4,
        linear_projection=True,
        added=Vector(pooled=1280, numbers=5, waves=256),
    ),
    texts=(TEXT_G,),
    condition=refiner,
    diffusers=Diffusers(
        "StableDiffusionXLImg2ImgPipeline",
        settings=MappingProxyType(
            {**PROMPTED, "force_zeros_for_empty_prompt": False, "requires_aesthetics_score": True}
        ),
    ),
)
"""Draws from a text alone, too, though it was trained for the last fifth of the way only."""
