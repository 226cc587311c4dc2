"""Stable Diffusion 1: the 860 M UNet with CLIP ViT-L/14, trained at 512 pixels to predict the noise.

Data only. Source: CompVis/stable-diffusion, configs/stable-diffusion/v1-inference.yaml.
"""

from mezzotint.diffusion.prediction import NOISE
from mezzotint.families.family import Betas, Defaults, Family, Latent
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import clip_vocabulary

AUTOENCODER = AutoencoderGeometry(channels=(128, 256, 512, 512), layers=2, latent=4)
LATENT = Latent(channels=4, factor=8, scale=0.18215)

SD1 = Family(
    name="sd1",
    title="Stable Diffusion 1",
    unet=UNetGeometry(
        in_channels=4,
        out_channels=4,
        channels=(320, 640, 1280, 1280),
        layers=2,
        attention=(True, True, True, False),
        heads=(8, 8, 8, 8),
        context=768,
    ),
    autoencoder=AUTOENCODER,
    text=ClipGeometry(
        vocab=49408, length=77, width=768, layers=12, heads=12, hidden=3072, activation="quick_gelu"
    ),
    vocabulary=clip_vocabulary,
    pad=49407,
    skip=0,
    betas=Betas(),
    prediction=NOISE,
    latent=LATENT,
    defaults=Defaults(width=512, height=512, steps=25, guidance=7.5, sampler="dpmpp_2m", spacing="karras"),
)
