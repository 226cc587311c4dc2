"""The table of names of one family in each layout, for writing as well as for reading.

Takes a family, or the names in a file. Gives a `Layout`. Knows no tensor.
"""

import re
from collections.abc import Iterable

from mezzotint.families.family import Family
from mezzotint.families.layouts import autoencoder_ldm, folder, mmdit_checkpoint, single_file, unet_ldm
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.weights.layout import Layout

TRANSFORMER = f"{mmdit_checkpoint.MMDIT}joint_blocks."
"""How the names of a transformer begin in a single file."""
_BLOCK = re.compile(rf"{folder.TRANSFORMER}transformer_blocks\.(\d+)\.")


def single_file_of(family: Family) -> Layout:
    """The original layout of this family: ldm, sgm for SDXL, and SD 3's own."""
    if isinstance(family.denoiser, MMDiTGeometry):
        return mmdit_checkpoint.SINGLE_FILE
    levels = len(family.autoencoder.channels)
    return single_file.layout(family.unet.layers, family.unet.attention, levels, _prefixes(family))


def folder_of(family: Family) -> Layout:
    """The diffusers folder of this family."""
    if isinstance(family.denoiser, MMDiTGeometry):
        return mmdit_checkpoint.folder(family.denoiser.layers)
    texts = {folder.OURS[part.name]: part.name for part in family.texts}
    return folder.layout(texts, family.diffusers.added)


def single_file_for(names: Iterable[str]) -> Layout:
    """The original layout of a file with these names."""
    listed = list(names)
    if any(name.startswith(TRANSFORMER) for name in listed):
        return mmdit_checkpoint.SINGLE_FILE

    def below(prefix: str) -> Iterable[str]:
        return (name.removeprefix(prefix) for name in listed if name.startswith(prefix))

    layers, attention = unet_ldm.numbering(below(single_file.UNET))
    levels = autoencoder_ldm.levels_in(below(single_file.AUTOENCODER))
    return single_file.layout(layers, attention, levels, single_file.texts_in(listed))


def folder_for(names: Iterable[str]) -> Layout:
    """The diffusers folder with these names."""
    listed = list(names)
    blocks = {found[1] for name in listed if (found := _BLOCK.match(name))}
    return mmdit_checkpoint.folder(len(blocks)) if blocks else folder.layout(folder.texts_in(listed))


def _prefixes(family: Family) -> tuple[str, ...]:
    """Where the text encoders lie. OpenCLIP's have a projection, or lost it with the layers that a folder leaves out;
    OpenAI's are written without."""
    names = tuple(part.name for part in family.texts)
    if names == ("text",):
        open_clip = family.text.geometry.projection is not None or family.text.absent > 0
        return (single_file.CLIP_OPEN if open_clip else single_file.CLIP_HF,)
    return (single_file.SGM_L, single_file.SGM_G) if len(names) == 2 else (single_file.SGM_G_ALONE,)
