"""The JSON files that only SD 3 has in a diffusers folder: transformer, T5 encoder and its tokenizer.

Takes a family's data. Gives the content of each file. Knows no weights and writes nothing.
"""

from collections.abc import Mapping

from mezzotint.families.t5_part import T5Part
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.text.t5 import END, PAD, SENTINELS, UNKNOWN

Json = Mapping[str, object]


def transformer_config(geometry: MMDiTGeometry, side: int) -> Json:
    """`transformer/config.json` without its header; `side` is that of the latents it was trained on."""
    g = geometry
    return {
        "attention_head_dim": g.width // g.heads,
        "caption_projection_dim": g.width,
        "dual_attention_layers": list(range(g.dual)),
        "in_channels": g.channels,
        "joint_attention_dim": g.context,
        "num_attention_heads": g.heads,
        "num_layers": g.layers,
        "out_channels": g.channels,
        "patch_size": g.patch,
        "pooled_projection_dim": g.pooled,
        "pos_embed_max_size": g.positions,
        "qk_norm": "rms_norm" if g.qk_norm else None,
        "sample_size": side,
    }


def t5_config(part: T5Part) -> Json:
    """`text_encoder_3/config.json`."""
    g = part.geometry
    return {
        "architectures": ["T5EncoderModel"],
        "d_ff": g.hidden,
        "d_kv": g.head,
        "d_model": g.width,
        "decoder_start_token_id": 0,
        "dense_act_fn": "gelu_new",
        "dropout_rate": 0.1,
        "eos_token_id": 1,
        "feed_forward_proj": "gated-gelu",
        "is_encoder_decoder": True,
        "is_gated_act": True,
        "layer_norm_epsilon": 1e-6,
        "model_type": "t5",
        "num_heads": g.heads,
        "num_layers": g.layers,
        "pad_token_id": 0,
        "relative_attention_max_distance": g.distance,
        "relative_attention_num_buckets": g.buckets,
        "tie_word_embeddings": False,
        "vocab_size": g.vocab,
    }


def t5_tokenizer_config(part: T5Part) -> Json:
    """`tokenizer_3/tokenizer_config.json`."""
    return {
        "extra_ids": SENTINELS,
        "model_max_length": part.length,
        "tokenizer_class": "T5Tokenizer",
        **t5_special_tokens(),
    }


def t5_special_tokens() -> Json:
    """`tokenizer_3/special_tokens_map.json`."""
    return {
        "additional_special_tokens": [f"<extra_id_{i}>" for i in range(SENTINELS)],
        "eos_token": END,
        "pad_token": PAD,
        "unk_token": UNKNOWN,
    }
