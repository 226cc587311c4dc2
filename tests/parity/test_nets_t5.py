"""The T5 encoder against transformers' T5EncoderModel at toy size, through both tables of names."""

from dataclasses import replace

import pytest
import torch
from transformers import T5Config, T5EncoderModel

from mezzotint.families.layouts import t5_hf
from mezzotint.nets import t5
from mezzotint.nets.t5 import T5Geometry, T5Text, bucket
from parity.nets_reference import BOUND, error
from parity.through_layout import moved, shared

FAR = 1e-3
TOY = T5Geometry(50, 32, 3, 4, 16, 48)
FORMS = {"xxl": TOY, "few buckets": replace(TOY, buckets=8, distance=10, head=4, heads=3)}


def reference(g: T5Geometry) -> T5EncoderModel:
    config = T5Config(
        vocab_size=g.vocab,
        d_model=g.width,
        d_kv=g.head,
        d_ff=g.hidden,
        num_layers=g.layers,
        num_heads=g.heads,
        relative_attention_num_buckets=g.buckets,
        relative_attention_max_distance=g.distance,
        feed_forward_proj="gated-gelu",
        attn_implementation="eager",
    )
    return T5EncoderModel(config).eval()


def named(theirs: T5EncoderModel) -> dict[str, torch.Tensor]:
    return {name: weight for name, weight in theirs.state_dict().items() if "embed_tokens" not in name}


def pair(g: T5Geometry) -> tuple[T5Text, T5EncoderModel]:
    theirs, ours = reference(g), T5Text(g).eval()
    shared(theirs, t5_hf.FILE, ours)
    moved(named(theirs), t5_hf.FOLDER, ours)
    return ours, theirs


def ids(length: int) -> torch.Tensor:
    return torch.randint(0, 50, (2, length), generator=torch.Generator().manual_seed(4))


@pytest.mark.parametrize("form", sorted(FORMS))
@pytest.mark.parametrize("length", [1, 7, 77, 300])
@torch.no_grad()
def test_states(form: str, length: int) -> None:
    ours, theirs = pair(FORMS[form])
    wanted = theirs(input_ids=ids(length)).last_hidden_state
    assert error(ours(ids(length)), wanted) <= BOUND
    assert error(ours(ids(length).flip(0)), wanted) > FAR


@pytest.mark.parametrize("change", ["distance", "position", "eps", "scale", "gate"])
@torch.no_grad()
def test_every_constant_matters(change: str, monkeypatch: pytest.MonkeyPatch) -> None:
    g = replace(TOY, distance=64) if change == "distance" else TOY
    if change == "eps":
        monkeypatch.setattr(t5, "EPS", 1e-2)
    theirs, ours = reference(TOY), T5Text(g).eval()
    shared(theirs, t5_hf.FILE, ours)
    if change == "position":
        ours.position.weight.copy_(ours.position.weight.roll(1, 0))
    elif change == "scale":
        for block in ours.blocks:
            block.q.weight.div_(4)
    elif change == "gate":
        ours.blocks[0].gate, ours.blocks[0].fc1 = ours.blocks[0].fc1, ours.blocks[0].gate
    assert error(ours(ids(77)), theirs(input_ids=ids(77)).last_hidden_state) > FAR


@pytest.mark.parametrize(("buckets", "distance"), [(32, 128), (8, 10), (64, 500)])
def test_buckets(buckets: int, distance: int) -> None:
    from transformers.models.t5.modeling_t5 import T5Attention

    offset = torch.arange(-700, 701)
    theirs = T5Attention._relative_position_bucket(offset, True, buckets, distance)
    assert torch.equal(bucket(offset, buckets, distance), theirs)
    assert not torch.equal(bucket(-offset, buckets, distance), theirs)
    assert theirs.max() == buckets - 1
