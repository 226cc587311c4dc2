"""Names of unCLIP's noise augmentor: the statistics of a diffusers folder, and the buffers of the single files.

Single files hold eight tables that follow from the schedule, and are left out; the statistics are not in them (for
ViT-H they are 0 and 1, for ViT-L a file of their own). Reference: diffusers, StableUnCLIPImageNormalizer.
"""

from mezzotint.weights.layout import Layout, Rule

FOLDER = "image_normalizer/"
LDM_PREFIX = "noise_augmentor."

SCHEDULE = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
)

DIFFUSERS = Layout((Rule("mean", "mean"), Rule("std", "std")))
LDM = Layout((), SCHEDULE).under(LDM_PREFIX, "")
