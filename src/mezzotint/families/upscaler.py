"""Stable Diffusion x4 upscaler: makes a picture four times as wide and high, led by a text.

Data only. The small picture, with some noise added, joins the latent as three channels, and the level of that noise
chooses a row of an embedding. Source: Stability-AI/stablediffusion, configs/stable-diffusion/x4-upscaling.yaml.
"""

from types import MappingProxyType

from mezzotint.diffusion.prediction import VELOCITY
from mezzotint.families.family import Defaults, Diffusers, Family, Latent
from mezzotint.families.look import PICTURE
from mezzotint.families.schedules import Betas
from mezzotint.families.sd2 import OPEN_CLIP_H
from mezzotint.families.sights import UPSCALED, upscaling
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.unet import UNetGeometry

X4_UPSCALER = Family(
    name="x4-upscaler",
    title="Stable Diffusion x4 upscaler",
    denoiser=UNetGeometry(
        in_channels=7,
        out_channels=4,
        channels=(256, 512, 512, 1024),
        layers=2,
        attention=(False, True, True, True),
        heads=(8, 8, 8, 8),
        context=1024,
        linear_projection=True,
        cross_only=(False, True, True, False),
        classes=1000,
    ),
    autoencoder=AutoencoderGeometry(channels=(128, 256, 512), layers=2, latent=4),
    texts=(OPEN_CLIP_H,),
    schedule=Betas(0.0001, 0.02),
    prediction=VELOCITY,
    latent=Latent(channels=4, factor=4, scale=0.08333),
    defaults=Defaults(width=512, height=512, steps=25, guidance=9.0, sampler="ddim", spacing="leading"),
    look=upscaling,
    needs=(PICTURE,),
    enlarges=4,
    levels=UPSCALED,
    sides=MappingProxyType({}),
    diffusers=Diffusers(
        "StableDiffusionUpscalePipeline",
        settings=MappingProxyType(
            {
                "feature_extractor": (None, None),
                "max_noise_level": 350,
                "safety_checker": (None, None),
                "watermarker": (None, None),
            }
        ),
        noises=MappingProxyType(
            {
                "low_res_scheduler": {
                    "beta_end": 0.02,
                    "beta_schedule": "scaled_linear",
                    "beta_start": 0.0001,
                }
            }
        ),
    ),
)
