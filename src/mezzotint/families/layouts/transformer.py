"""The rows of one spatial transformer: latent-diffusion and diffusers spell it alike, at different places."""

from mezzotint.weights.layout import Rule

TRANSFORMER = (
    Rule("norm.*", "norm.*"),
    Rule("proj_in.*", "proj_in.*"),
    Rule("proj_out.*", "proj_out.*"),
    Rule("transformer_blocks.{k}.norm{n}.*", "blocks.{k}.norm{n}.*"),
    Rule("transformer_blocks.{k}.attn{n}.to_q.*", "blocks.{k}.attn{n}.q.*"),
    Rule("transformer_blocks.{k}.attn{n}.to_k.*", "blocks.{k}.attn{n}.k.*"),
    Rule("transformer_blocks.{k}.attn{n}.to_v.*", "blocks.{k}.attn{n}.v.*"),
    Rule("transformer_blocks.{k}.attn{n}.to_out.0.*", "blocks.{k}.attn{n}.out.*"),
    Rule("transformer_blocks.{k}.ff.net.0.proj.*", "blocks.{k}.ff.proj.*"),
    Rule("transformer_blocks.{k}.ff.net.2.*", "blocks.{k}.ff.out.*"),
)
