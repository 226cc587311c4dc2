"""Stable Diffusion 1: the 860 M UNet with CLIP ViT-L/14, trained at 512 pixels to predict the noise.

Data only; with it the models for inpainting and for instructions (Brooks et al. 2023), which differ in what joins
the latent. Source: CompVis/stable-diffusion, configs/stable-diffusion/v1-inference.yaml;
runwayml/stable-diffusion, v1-inpainting-inference.yaml; timothybrooks/instruct-pix2pix, configs/generate.yaml.
"""

from dataclasses import replace

from mezzotint.diffusion.prediction import NOISE
from mezzotint.families.family import Defaults, Diffusers, Family, Latent, TextPart
from mezzotint.families.look import MASK, PICTURE, inpainting
from mezzotint.families.schedules import Betas
from mezzotint.families.sights import instructed
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import clip_vocabulary

AUTOENCODER = AutoencoderGeometry(channels=(128, 256, 512, 512), layers=2, latent=4)
LATENT = Latent(channels=4, factor=8, scale=0.18215)
CLIP_L = ClipGeometry(
    vocab=49408, length=77, width=768, layers=12, heads=12, hidden=3072, activation="quick_gelu"
)
SD1 = Family(
    name="sd1",
    title="Stable Diffusion 1",
    denoiser=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(320, 640, 1280, 1280),
        layers=2,
        attention=(True, True, True, False),
        heads=(8, 8, 8, 8),
        context=768,
    ),
    autoencoder=AUTOENCODER,
    texts=(TextPart(name="text", geometry=CLIP_L, vocabulary=clip_vocabulary, pad=49407),),
    schedule=Betas(),
    prediction=NOISE,
    latent=LATENT,
    defaults=Defaults(width=512, height=512, steps=25, guidance=7.5, sampler="dpmpp_2m", spacing="karras"),
)

SD1_INPAINTING = replace(
    SD1,
    name="sd1-inpainting",
    title="Stable Diffusion 1 inpainting",
    denoiser=replace(SD1.unet, in_channels=9),
    look=inpainting,
    needs=(PICTURE, MASK),
    diffusers=Diffusers("StableDiffusionInpaintPipeline"),
)
"""The mask and the latent of the masked picture join the latent: 4 + 1 + 4 channels."""

SD1_PIX2PIX = replace(
    SD1,
    name="sd1-pix2pix",
    title="Instruct-pix2pix",
    denoiser=replace(SD1.unet, in_channels=8),
    look=instructed,
    needs=(PICTURE,),
    defaults=replace(SD1.defaults, picture=1.5),
    diffusers=Diffusers("StableDiffusionInstructPix2PixPipeline"),
)
"""The latent of the picture to change, unscaled, joins the latent: 4 + 4 channels."""
