"""The JSON files of a diffusers folder that only models that draw from a picture have.

Takes a family. Gives the content of each file, and the lines of model_index.json that name them. Knows no weights and
writes nothing.
"""

from collections.abc import Mapping

from mezzotint.families.family import DIFFUSERS_VERSION, Family
from mezzotint.families.layouts import folder as layout
from mezzotint.nets.augmentor import LEVELS
from mezzotint.nets.depth import DepthGeometry
from mezzotint.nets.vision import VisionGeometry
from mezzotint.nets.vision_input import MEAN, STD

Json = Mapping[str, object]

CUBIC = 3
"""Pillow's number of the filter that both kinds of networks are shown pictures through."""
EXTRACTOR = "feature_extractor"


def picture_index(family: Family) -> Json:
    """The lines of model_index.json for what looks at a picture, and for the noise on what it is drawn from."""
    index: dict[str, object] = {name: ["diffusers", "DDPMScheduler"] for name in family.diffusers.noises}
    for geometry in family.pictures.values():
        if isinstance(geometry, DepthGeometry):
            index["depth_estimator"] = ["transformers", "DPTForDepthEstimation"]
            index[EXTRACTOR] = ["transformers", "DPTImageProcessor"]
        elif isinstance(geometry, VisionGeometry):
            index["image_encoder"] = ["transformers", "CLIPVisionModelWithProjection"]
            index["image_normalizer"] = ["stable_diffusion", "StableUnCLIPImageNormalizer"]
            index[EXTRACTOR] = ["transformers", "CLIPImageProcessor"]
    return index


def picture_configs(family: Family) -> dict[str, Json]:
    """Every JSON file of a family's networks that look at a picture, and of its noises, by its name."""
    files: dict[str, Json] = {
        f"{folder}/scheduler_config.json": noise_config(settings)
        for folder, settings in family.diffusers.noises.items()
    }
    for geometry in family.pictures.values():
        if isinstance(geometry, DepthGeometry):
            files[f"{layout.DEPTH}config.json"] = depth_config(geometry)
            files[f"{EXTRACTOR}/preprocessor_config.json"] = depth_input(geometry)
        elif isinstance(geometry, VisionGeometry):
            files[f"{layout.IMAGE}config.json"] = vision_config(geometry)
            files[f"{layout.AUGMENTOR}config.json"] = normalizer_config(geometry)
            files[f"{EXTRACTOR}/preprocessor_config.json"] = vision_input(geometry)
    return files


def noise_config(settings: Json) -> Json:
    """`scheduler_config.json` of a noise that is added once, before drawing begins."""
    return {
        "_class_name": "DDPMScheduler",
        "_diffusers_version": DIFFUSERS_VERSION,
        "clip_sample": True,
        "num_train_timesteps": LEVELS,
        "prediction_type": "epsilon",
        "trained_betas": None,
        "variance_type": "fixed_small",
        **settings,
    }


def depth_config(geometry: DepthGeometry) -> Json:
    """`depth_estimator/config.json`: DPT hybrid, whose stem is transformers' BiT."""
    g = geometry
    return {
        "architectures": ["DPTForDepthEstimation"],
        "backbone_config": {
            "depths": list(g.blocks),
            "embedding_dynamic_padding": True,
            "embedding_size": g.stem,
            "global_padding": "same",
            "hidden_sizes": list(g.stages),
            "layer_type": "bottleneck",
            "model_type": "bit",
            "num_groups": g.groups,
            "out_features": ["stage1", "stage2", "stage3"],
        },
        "backbone_featmap_shape": [1, g.stages[-1], g.side // 16, g.side // 16],
        "backbone_out_indices": [0, 1, *g.taps],
        "fusion_hidden_size": g.fusion,
        "hidden_act": g.activation,
        "hidden_size": g.width,
        "image_size": g.side,
        "intermediate_size": g.hidden,
        "is_hybrid": True,
        "layer_norm_eps": g.eps,
        "model_type": "dpt",
        "neck_hidden_sizes": [*g.stages[:2], g.width, g.width],
        "neck_ignore_stages": [0, 1],
        "num_attention_heads": g.heads,
        "num_hidden_layers": g.layers,
        "patch_size": 16,
        "qkv_bias": True,
        "readout_type": "project",
        "reassemble_factors": [1, 1, 1, 0.5],
        "use_batch_norm_in_fusion_residual": False,
    }


def depth_input(geometry: DepthGeometry) -> Json:
    """`feature_extractor/preprocessor_config.json` of the depth network."""
    half = [0.5, 0.5, 0.5]
    return {
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "ensure_multiple_of": 1,
        "image_mean": half,
        "image_processor_type": "DPTImageProcessor",
        "image_std": half,
        "keep_aspect_ratio": False,
        "resample": CUBIC,
        "size": {"height": geometry.side, "width": geometry.side},
    }


def vision_config(geometry: VisionGeometry) -> Json:
    """`image_encoder/config.json`."""
    g = geometry
    return {
        "architectures": ["CLIPVisionModelWithProjection"],
        "hidden_act": g.activation,
        "hidden_size": g.width,
        "image_size": g.side,
        "intermediate_size": g.hidden,
        "layer_norm_eps": 1e-5,
        "model_type": "clip_vision_model",
        "num_attention_heads": g.heads,
        "num_channels": g.pixels,
        "num_hidden_layers": g.layers,
        "patch_size": g.patch,
        "projection_dim": vector_width(g),
    }


def vision_input(geometry: VisionGeometry) -> Json:
    """`feature_extractor/preprocessor_config.json` of the image encoder."""
    return {
        "crop_size": {"height": geometry.side, "width": geometry.side},
        "do_center_crop": True,
        "do_convert_rgb": True,
        "do_normalize": True,
        "do_rescale": True,
        "do_resize": True,
        "image_mean": list(MEAN),
        "image_processor_type": "CLIPImageProcessor",
        "image_std": list(STD),
        "resample": CUBIC,
        "size": {"shortest_edge": geometry.side},
    }


def normalizer_config(geometry: VisionGeometry) -> Json:
    """`image_normalizer/config.json`."""
    return {
        "_class_name": "StableUnCLIPImageNormalizer",
        "_diffusers_version": DIFFUSERS_VERSION,
        "embedding_dim": vector_width(geometry),
    }


def vector_width(geometry: VisionGeometry) -> int:
    """The width of the vectors of an image encoder."""
    return geometry.projection or geometry.width
