"""The hint `depth`: how near everything in a picture is, told by the embedded model's own small network.

Takes a picture RGB and the settings, gives a picture RGB of the same size, near is white. The network is read anew each
time. Loaded only when such a hint is asked for, since it needs torch.
"""

import numpy as np
import torch
from PIL import Image

from mezzotint.families.partners import open_depth
from mezzotint.hints.relief import depth_from
from mezzotint.values.hints import Depth


@torch.inference_mode()
def depth(image: Image.Image, options: Depth) -> Image.Image:
    """The depth of a picture, from black, its farthest place, to white, its nearest. The network looks at the picture
    with its longer side made `options.side` pixels long, and what it says is enlarged again.

    Raises what opening the network raises.
    """
    share = options.side / max(image.size)
    size = max(1, round(image.width * share)), max(1, round(image.height * share))
    small = np.asarray(image.resize(size, Image.Resampling.LANCZOS), dtype=np.float32)
    x = torch.tensor(small).permute(2, 0, 1).unsqueeze(0) / 127.5 - 1
    told = Image.fromarray(open_depth()(x)[0, 0].numpy())
    return depth_from(np.asarray(told.resize(image.size, Image.Resampling.BICUBIC)))
