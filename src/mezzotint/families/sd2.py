"""Stable Diffusion 2: the same UNet with Linear projections and OpenCLIP ViT-H/14, its last but one layer.

Data only. base (512 pixels) predicts the noise, 768-v the velocity; their files are alike to the last name, so the
prediction is decided for each. Source: Stability-AI/stablediffusion, configs v2-inference.yaml, v2-inference-v.yaml.
"""

from types import MappingProxyType

from mezzotint.diffusion.prediction import NOISE, VELOCITY
from mezzotint.families.family import Betas, Defaults, Family
from mezzotint.families.sd1 import AUTOENCODER, LATENT
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.vocabulary import clip_vocabulary

SD2 = Family(
    name="sd2",
    title="Stable Diffusion 2",
    unet=UNetGeometry(
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
    text=ClipGeometry(
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
    pad=0,
    skip=1,
    betas=Betas(),
    prediction=None,
    latent=LATENT,
    defaults=Defaults(width=512, height=512, steps=25, guidance=7.5, sampler="dpmpp_2m", spacing="karras"),
    head_width=64,
    sides=MappingProxyType({NOISE.name: 512, VELOCITY.name: 768}),
)
