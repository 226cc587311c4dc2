"""IP-Adapter of Stable Diffusion 3: a picture as a prompt, beside attentions of pixels and texts.

Takes what a vision tower says of pictures, and the time; gives a `Stream` for an MMDiT: beside each attention there is
one of the pixels alone, to themselves and to the picture's tokens, with norms of its own. Knows no transformer but its
sizes, no files and no scale over time. Reference: InstantX/SD3.5-Large-IP-Adapter (diffusers,
SD3IPAdapterJointAttnProcessor2_0).

Shapes: R rows (with the pictures, without any), P pictures, T W states of a tower and their width, N tokens of one
picture, D width of the transformer and of the tokens, H width of what is made of the time.
"""

from torch import Tensor, nn

from mezzotint.nets.attention import NORM_EPS, join_heads, split_heads
from mezzotint.nets.conditioning import Norms, Stream
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.nets.mmdit_blocks import modulated
from mezzotint.nets.resampler import ResamplerGeometry, TimedResampler
from mezzotint.values.errors import BadValue


class JointKeys(nn.Module):
    """The maps and norms of one site."""

    def __init__(self, width: int, heads: int, time: int) -> None:
        super().__init__()
        self.heads, head = heads, width // heads
        self.modulation = nn.Linear(time, 2 * width)
        self.k = nn.Linear(width, width, bias=False)
        self.v = nn.Linear(width, width, bias=False)
        self.norm_q = nn.RMSNorm(head, eps=NORM_EPS)
        self.norm_k = nn.RMSNorm(head, eps=NORM_EPS)
        self.norm_extra = nn.RMSNorm(head, eps=NORM_EPS)

    def forward(self, tokens: Tensor, vector: Tensor) -> tuple[Tensor, Tensor]:
        """`tokens` R N D, `vector` R H through its SiLU -> keys and values, R N D each."""
        shift, scale = self.modulation(vector)[:, None].chunk(2, dim=-1)
        tokens = modulated(tokens, shift, scale)
        keys = self.norm_extra(split_heads(self.k(tokens), self.heads))
        return join_heads(keys), self.v(tokens)

    @property
    def norms(self) -> Norms:
        """Those of the pixels."""
        return Norms(self.norm_q.weight, self.norm_k.weight)


class JointPrompt(nn.Module):
    """An IP-Adapter for the transformers `net`, whose projection has the sizes of `geometry`."""

    def __init__(self, geometry: ResamplerGeometry, waves: int, net: MMDiTGeometry) -> None:
        super().__init__()
        if geometry.context != net.width:
            told = f"tokens of width {geometry.context} for a transformer of {net.width}"
            raise BadValue("context", told, "use an image prompt of this model")
        self.names = net.sites
        self.projection = TimedResampler(geometry, waves)
        self.sites = nn.ModuleList(JointKeys(net.width, net.heads, geometry.hidden) for _ in self.names)

    def forward(self, seen: Tensor, t: Tensor, scale: Tensor, mask: Tensor | None = None) -> Stream:
        """`seen` R P T W of the tower, zeros where there is no picture, `t` R as the transformer takes it -> its
        Stream, with `scale` and `mask` as Stream has them. Pictures of a row are prompts side by side."""
        rows, count = seen.shape[:2]
        tokens, vectors = self.projection(seen.flatten(0, 1), t.repeat_interleave(count))
        tokens = tokens.reshape(rows, -1, tokens.shape[-1])
        vector = nn.functional.silu(vectors[::count])
        keys: dict[str, Tensor] = {}
        values: dict[str, Tensor] = {}
        norms: dict[str, Norms] = {}
        for name, site in zip(self.names, self.sites, strict=True):
            assert isinstance(site, JointKeys)
            keys[name], values[name] = site(tokens, vector)
            norms[name] = site.norms
        return Stream(keys, values, scale, mask, norms)
