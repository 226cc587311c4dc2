"""Names of unCLIP's noise augmentor: the statistics of a diffusers folder, and the buffers of the single files.

Single files hold eight tables that follow from the schedule, and are left out; the statistics are not in them (for
ViT-H they are 0 and 1, for ViT-L a file of their own). Reference: diffusers, StableUnCLIPImageNormalizer.
"""

from mezzotint.families.layouts import single_file
from mezzotint.weights.layout import Layout, Rule

FOLDER = "image_normalizer/"
LDM_PREFIX = "noise_augmentor."

DIFFUSERS = Layout((Rule("mean", "mean"), Rule("std", "std")))
LDM = Layout((), single_file.SCHEDULE).under(LDM_PREFIX, "")
