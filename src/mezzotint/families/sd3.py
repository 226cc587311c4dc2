"""Stable Diffusion 3 medium, 3.5 medium, 3.5 large and large turbo: transformers steered by three text encoders.

Data only. Their path is straight. CLIP ViT-L, OpenCLIP ViT-bigG and T5 XXL are read side by side, and a model may come
without any of them: its states are zeros then. Sources: Esser et al. 2024; Stability-AI/sd3.5, sd3_infer.py and
other_impls.py; diffusers, StableDiffusion3Pipeline (256 tokens of T5, zeros in their place when it is missing), and the
steps and guidance of the model cards. Large turbo was distilled to few steps without guidance and differs from large in
nothing but its defaults.
"""

from dataclasses import replace

from mezzotint.diffusion.prediction import FLOW
from mezzotint.families.conditions import joint
from mezzotint.families.family import PROMPTED, Defaults, Diffusers, Family, Latent, TextPart
from mezzotint.families.schedules import Shift
from mezzotint.families.sdxl import TEXT_G, TEXT_L
from mezzotint.families.t5_part import T5Part
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.mmdit import SD3_MEDIUM as MEDIUM
from mezzotint.nets.mmdit import SD35_LARGE as LARGE
from mezzotint.nets.mmdit import SD35_MEDIUM as MEDIUM_35
from mezzotint.nets.t5 import T5_XXL
from mezzotint.text.clip import as_clip
from mezzotint.text.pieces import t5_pieces

CLIP_L: TextPart = replace(TEXT_L, name="clip_l", projected=False)
"""Pooled without a projection: that of some files is the identity, or of another training."""
CLIP_G: TextPart = replace(TEXT_G, name="clip_g", trained=as_clip)
"""Its texts are read as those of the other CLIP, by every program."""
T5 = T5Part(name="t5", geometry=T5_XXL, vocabulary=t5_pieces, length=256)


def _defaults(steps: int, guidance: float) -> Defaults:
    return Defaults(1024, 1024, steps, guidance, sampler="euler", spacing="linspace")


SD3_MEDIUM = Family(
    name="sd3-medium",
    title="Stable Diffusion 3 medium",
    denoiser=MEDIUM,
    autoencoder=AutoencoderGeometry(channels=(128, 256, 512, 512), layers=2, latent=16, quant=False),
    texts=(CLIP_L, CLIP_G, T5),
    schedule=Shift(),
    prediction=FLOW,
    latent=Latent(channels=16, factor=8, scale=1.5305, shift=0.0609),
    defaults=_defaults(28, 7.0),
    condition=joint,
    diffusers=Diffusers("StableDiffusion3Pipeline", settings=PROMPTED, projects=True),
)

SD35_MEDIUM = replace(
    SD3_MEDIUM,
    name="sd3.5-medium",
    title="Stable Diffusion 3.5 medium",
    denoiser=MEDIUM_35,
    defaults=_defaults(40, 4.5),
)

SD35_LARGE = replace(
    SD3_MEDIUM,
    name="sd3.5-large",
    title="Stable Diffusion 3.5 large",
    denoiser=LARGE,
    defaults=_defaults(28, 3.5),
)

SD35_LARGE_TURBO = replace(
    SD35_LARGE,
    name="sd3.5-large-turbo",
    title="Stable Diffusion 3.5 large turbo",
    defaults=_defaults(4, 1.0),
)
"""Names and shapes are those of large."""
