"""The rows of the matrix of checkpoint kinds: what people know a file by, and which tests compare its network."""

from collections.abc import Mapping
from dataclasses import dataclass

UNET = (
    "test_nets_unet_forms::test_same_answer",
    "test_nets_autoencoder::test_decode",
    "test_nets_clip::test_states_and_pooled",
)
DRAWS = (*UNET, "test_pipeline::test_diffusers_draws_the_same_picture_from_the_written_folder")
DRAWS_2 = (*UNET, "test_families::test_the_unet_is_the_same")
DRAWS_XL = (*UNET, "test_pipeline_xl::test_diffusers_draws_the_same_picture")
REFINES = (*UNET, "test_pipeline_xl::test_the_refiner_steers_as_its_pipeline_does")
DRAWS_FROM = (*UNET, "test_picture_folders::test_the_networks_are_the_same")
DEPTH = (
    *DRAWS_FROM,
    "test_nets_depth::test_depth",
    "test_picture_folders::test_the_depth_network",
    "test_pipeline_looks::test_depth_to_image",
)
LARGER = (*UNET, "test_pipeline_looks::test_four_times_as_large")
VISION = ("test_nets_vision::test_vector_and_states_as_transformers", "test_standing::test_towers")
OPEN_VISION = ("test_nets_vision::test_the_names_of_open_clip",)
UNCLIP = (
    *UNET,
    *OPEN_VISION,
    "test_nets_augmentor::test_noised_vectors_and_their_level",
    "test_pipeline_looks::test_variations_of_a_picture",
)
CONTROL = ("test_nets_controlnet::test_same_residuals", "test_standing::test_controlnets")
TINY = ("test_nets_tiny::test_decode", "test_standing::test_tiny_autoencoders")
HALVES = (*TINY, "test_nets_tiny::test_the_two_original_files_hold_the_same")
MMDIT = ("test_nets_mmdit::test_same_answer_at_any_size",)
T5 = ("test_nets_t5::test_states",)
DRAWS_3 = ("test_pipeline_sd3::test_diffusers_draws_the_same_picture",)
JOINT_FOLDER = (*MMDIT, *T5, *DRAWS_3)
JOINT = (*JOINT_FOLDER, "test_nets_mmdit::test_the_original_names_hold_the_same")
CLIP = ("test_nets_clip::test_states_and_pooled",)
PROMPT = (
    "test_nets_image_prompt::test_a_whole_unet_with_its_extra_attention",
    "test_standing::test_image_prompts",
)
JOINT_PROMPT = (
    "test_nets_joint_prompt::test_a_whole_transformer_with_its_extra_attention",
    "test_pipeline_prompt_sd3::test_an_image_prompt",
)
SIGLIP = ("test_nets_siglip::test_states_as_transformers", "test_nets_siglip::test_folders")
PEFT = ("test_adapters::test_what_peft_saves_does_here_what_it_does_there",)
KOHYA = ("test_adapters::test_a_kohya_file_does_here_what_it_does_in_diffusers",)
WORD = ("test_inversions::test_one_encoder",)
WORDS = ("test_inversions::test_both_encoders_of_sdxl",)

MODEL = "a model"
TEXTLESS = ", without texts"
"""After the name of a manifest: the file as it is published without its text encoders."""
DRAW = "draws, converts, merges"
LOOK = "draws with `--image`, converts, merges"
MASKED = "draws with `--image` and `--mask`, converts, merges"


@dataclass(frozen=True)
class Row:
    """`known` is what people know the file by, `does` what the program does with it; it is to be recognised as
    `called`, and where it is a model, or the denoiser of one, `family` is its family. `parity` names tests in
    tests/parity, `how` says what it opens with."""

    known: str
    does: str
    called: str
    parity: tuple[str, ...]
    family: str | None = None
    how: str = ""


def _model(known: str, family: str, parity: tuple[str, ...] = DRAWS, does: str = DRAW) -> Row:
    return Row(known, does, MODEL, parity, family)


def _textless(known: str, family: str) -> Row:
    """A single file of SD 3 that is drawn with once its text encoders are given, too."""
    return Row(
        known,
        _WITH_TEXTS,
        "a transformer and an autoencoder alone",
        JOINT,
        family,
        ", with its text encoders",
    )


def _denoiser(known: str, family: str, parity: tuple[str, ...], called: str = "a UNet alone") -> Row:
    return Row(known, "the denoiser of a folder", called, parity, family, ", in its folder")


_WITH_TEXTS = "draws, with its `--text-encoder` files"
_TEXT = "a part of Stable Diffusion 3: `--text-encoder`"
_CONTROL = "opens; steers a UNet"
_LORA = "merged into a model: `--lora`"
_TINY = "opens; decodes latents quickly"
_TOWER = "opens; the eye of unCLIP and IP-Adapter"
_WORD = "a word for prompts: `--embedding`"

ROWS: Mapping[str, Row] = {
    "ldm_sd15": _model("v1-5-pruned-emaonly", "sd1"),
    "ldm_sd15-inpainting": _model("sd-v1-5-inpainting", "sd1-inpainting", UNET, MASKED),
    "ldm_sd2-base": _model("v2-1_512-ema-pruned, 512-base-ema", "sd2", DRAWS_2),
    "ldm_sd2-768-v": _model("v2-1_768-ema-pruned, 768-v-ema", "sd2", DRAWS_2),
    "ldm_sd2-inpainting": _model("512-inpainting-ema", "sd2-inpainting", UNET, MASKED),
    "ldm_sd2-depth": _model("512-depth-ema", "sd2-depth", DEPTH, LOOK),
    "ldm_sd21-unclip-h": _model("sd21-unclip-h", "sd2-unclip", UNCLIP, LOOK),
    "ldm_sd21-unclip-l": _model("sd21-unclip-l", "sd2-unclip", UNCLIP, LOOK),
    "ldm_sd-x4-upscaler": _model("x4-upscaler-ema", "x4-upscaler", LARGER, LOOK),
    "sgm_sdxl-base": _model("sd_xl_base_1.0", "sdxl", DRAWS_XL),
    "sgm_sdxl-refiner": _model("sd_xl_refiner_1.0", "sdxl-refiner", REFINES),
    "sd3_sd3-medium": _model("sd3_medium_incl_clips, sd3_medium_incl_clips_t5xxlfp16", "sd3-medium", JOINT),
    "sd3_sd3.5-medium": _model("sd3.5_medium with its texts", "sd3.5-medium", JOINT),
    "sd3_sd3.5-large": _model("sd3.5_large with its texts", "sd3.5-large", JOINT),
    f"sd3_sd3-medium{TEXTLESS}": _textless("sd3_medium", "sd3-medium"),
    f"sd3_sd3.5-medium{TEXTLESS}": _textless("sd3.5_medium", "sd3.5-medium"),
    f"sd3_sd3.5-large{TEXTLESS}": _textless("sd3.5_large", "sd3.5-large"),
    "diffusers_sd15": _model("stable-diffusion-v1-5", "sd1"),
    "diffusers_sd15-inpainting": _model("stable-diffusion-inpainting", "sd1-inpainting", UNET, MASKED),
    "diffusers_sd21-768-v": _model("stable-diffusion-2-1", "sd2", DRAWS_2),
    "diffusers_sd2-inpainting": _model("stable-diffusion-2-inpainting", "sd2-inpainting", UNET, MASKED),
    "diffusers_sd-x4-upscaler": _model("stable-diffusion-x4-upscaler", "x4-upscaler", LARGER, LOOK),
    "diffusers_sdxl-base": _model("stable-diffusion-xl-base-1.0", "sdxl", DRAWS_XL),
    "diffusers_sdxl-refiner": _model("stable-diffusion-xl-refiner-1.0", "sdxl-refiner", REFINES),
    "diffusers_sd3-medium": _model("stable-diffusion-3-medium-diffusers", "sd3-medium", JOINT_FOLDER),
    "diffusers_unet_sd2-depth": _denoiser("stable-diffusion-2-depth, unet", "sd2-depth", DEPTH),
    "diffusers_unet_sd21-unclip-h": _denoiser("stable-diffusion-2-1-unclip, unet", "sd2-unclip", UNCLIP),
    "diffusers_unet_sd21-unclip-l": _denoiser(
        "stable-diffusion-2-1-unclip-small, unet", "sd2-unclip", UNCLIP
    ),
    "diffusers_transformer_sd3.5-medium": _denoiser(
        "stable-diffusion-3.5-medium, transformer", "sd3.5-medium", (*MMDIT, *DRAWS_3), "a transformer alone"
    ),
    "diffusers_transformer_sd3.5-large": _denoiser(
        "stable-diffusion-3.5-large, transformer", "sd3.5-large", (*MMDIT, *DRAWS_3), "a transformer alone"
    ),
    "sd3_text_clip_l": Row("clip_l", _TEXT, "a text encoder alone", CLIP),
    "sd3_text_clip_g": Row("clip_g", _TEXT, "a text encoder alone", CLIP),
    "sd3_text_t5xxl": Row("t5xxl_fp16", _TEXT, "a text encoder alone", T5),
    "ldm_controlnet-sd15": Row("control_v11p_sd15_canny", _CONTROL, "a ControlNet", CONTROL),
    "ldm_controlnet-sd15-full": Row("control_sd15_canny (with the model)", _CONTROL, "a ControlNet", CONTROL),
    "ldm_controlnet-sd21": Row("control_v11p_sd21_*", _CONTROL, "a ControlNet", CONTROL),
    "ldm_controlnet-sd21-full": Row(
        "control_v11p_sd21_* (with the model)", _CONTROL, "a ControlNet", CONTROL
    ),
    "diffusers_controlnet_sd15": Row("sd-controlnet-canny", _CONTROL, "a ControlNet", CONTROL),
    "diffusers_controlnet_sd21": Row("controlnet-sd21-canny-diffusers", _CONTROL, "a ControlNet", CONTROL),
    "diffusers_controlnet_sdxl": Row("controlnet-canny-sdxl-1.0", _CONTROL, "a ControlNet", CONTROL),
    "ip-adapter_sd15": Row("ip-adapter_sd15", "opens; a picture as a prompt", "an IP-Adapter", PROMPT),
    "ip-adapter_sdxl": Row("ip-adapter_sdxl", "opens; a picture as a prompt", "an IP-Adapter", PROMPT),
    "ip-adapter_sd35-large": Row(
        "InstantX SD3.5-Large-IP-Adapter", "opens; a picture as a prompt", "an IP-Adapter", JOINT_PROMPT
    ),
    "ip-adapter_sd35-large-diffusers": Row(
        "the same as diffusers names it", "opens; a picture as a prompt", "an IP-Adapter", JOINT_PROMPT
    ),
    "siglip_so400m-patch14-384": Row(
        "siglip-so400m-patch14-384",
        "opens; the eye of IP-Adapter for Stable Diffusion 3",
        "a vision tower",
        SIGLIP,
    ),
    "original_openai_clip_vit_l14": Row("ViT-L-14 (OpenAI)", _TOWER, "a vision tower", OPEN_VISION),
    "diffusers_image_encoder_clip_vision_l": Row("clip-vit-large-patch14", _TOWER, "a vision tower", VISION),
    "diffusers_image_encoder_clip_vision_h": Row(
        "CLIP-ViT-H-14, image_encoder", _TOWER, "a vision tower", VISION
    ),
    "diffusers_image_encoder_clip_vision_g": Row(
        "CLIP-ViT-bigG-14, image_encoder", _TOWER, "a vision tower", VISION
    ),
    "original_taesd_encoder": Row("taesd_encoder, taesdxl_encoder", _TINY, "a tiny autoencoder", HALVES),
    "original_taesd_decoder": Row("taesd_decoder, taesdxl_decoder", _TINY, "a tiny autoencoder", HALVES),
    "original_taesd3_encoder": Row("taesd3_encoder", _TINY, "a tiny autoencoder", HALVES),
    "original_taesd3_decoder": Row("taesd3_decoder", _TINY, "a tiny autoencoder", HALVES),
    "diffusers_vae_taesd": Row("taesd, taesdxl (folder)", _TINY, "a tiny autoencoder", TINY),
    "diffusers_vae_taesd3": Row("taesd3 (folder)", _TINY, "a tiny autoencoder", TINY),
    "lora_kohya-sd15": Row("LoRA of sd-scripts", _LORA, "a LoRA", KOHYA),
    "lora_kohya-sdxl": Row("LoRA of sd-scripts for SDXL", _LORA, "a LoRA", KOHYA),
    "lora_diffusers-peft-sd15-attn": Row("LoRA of diffusers (peft)", _LORA, "a LoRA", PEFT),
    "lora_diffusers-old-attnprocs-sd15": Row("LoRA of diffusers before peft", _LORA, "a LoRA", PEFT),
    "lora_cloneofsimo-sd15": Row("LoRA of cloneofsimo/lora", _LORA, "a LoRA", ()),
    "embedding_a1111-pt": Row("textual inversion of A1111", _WORD, "a textual inversion", WORD),
    "embedding_safetensors-emb_params": Row(
        "textual inversion, safetensors", _WORD, "a textual inversion", WORD
    ),
    "embedding_diffusers-learned_embeds": Row("learned_embeds", _WORD, "a textual inversion", WORD),
    "embedding_sdxl": Row("textual inversion for SDXL", _WORD, "a textual inversion", WORDS),
}
"""Every kind of tests/families/manifests, and those that come without their text encoders, too."""
