"""Names of unCLIP's noise augmentor: the statistics of a diffusers folder, and the buffers of the single files.

Single files hold eight tables that follow from the schedule, and are left out; the statistics are not in them (for
ViT-H they are 0 and 1, for ViT-L a file of their own), so that those we write hold them under the name that the
authors' module has for them. Reference: diffusers, StableUnCLIPImageNormalizer; Stability-AI/stablediffusion,
ldm/modules/encoders/modules.py.
"""

from mezzotint.families.layouts.schedule import SCHEDULE
from mezzotint.weights.layout import Layout, Rule

FOLDER = "image_normalizer/"
LDM_PREFIX = "noise_augmentor."

DIFFUSERS = Layout((Rule("mean", "mean"), Rule("std", "std")))
LDM = Layout((Rule("data_mean", "mean"), Rule("data_std", "std")), SCHEDULE).under(LDM_PREFIX, "")
