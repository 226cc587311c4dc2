"""What files of the networks that look at pictures are called, and that no other file is called so."""

import pytest

from families.published import FOLDER_OF, manifest
from mezzotint.families.kinds import kind_of

CALLED = {
    "diffusers_image_encoder_clip_vision_g": "a vision tower",
    "diffusers_image_encoder_clip_vision_h": "a vision tower",
    "diffusers_image_encoder_clip_vision_l": "a vision tower",
    "diffusers_vae_taesd": "a tiny autoencoder",
    "diffusers_vae_taesd3": "a tiny autoencoder",
    "ip-adapter_sd15": "an IP-Adapter",
    "ip-adapter_sd35-large": "an IP-Adapter",
    "ip-adapter_sd35-large-diffusers": "an IP-Adapter",
    "ip-adapter_sdxl": "an IP-Adapter",
    "original_openai_clip_vit_l14": "a vision tower",
    "original_taesd3_decoder": "a tiny autoencoder",
    "original_taesd3_encoder": "a tiny autoencoder",
    "original_taesd_decoder": "a tiny autoencoder",
    "original_taesd_encoder": "a tiny autoencoder",
    "siglip_so400m-patch14-384": "a vision tower",
}
PUBLISHED = sorted(path.name.removesuffix(".json.gz") for path in FOLDER_OF.glob("*.json.gz"))


@pytest.mark.parametrize("kind", PUBLISHED)
def test_what_a_published_file_is_called(kind: str) -> None:
    called = kind_of(manifest(kind)["tensors"])
    if kind in CALLED:
        assert called == CALLED[kind]
    else:
        assert called not in CALLED.values()


def test_a_depth_network_alone() -> None:
    assert kind_of(["dpt.embeddings.cls_token", "head.head.0.weight"]) == "a depth network"
