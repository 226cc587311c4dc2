"""Adapters are merged, restacked, weighted anew and taken out, and not one bit of them stays behind."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.loras import low_rank, names_of, opened, rand
from families.reduced import saved
from mezzotint.adapters.lora import Adapter
from mezzotint.adapters.merged import Merged
from mezzotint.adapters.model import ModelAdapters, original_of, weights
from mezzotint.families import toy
from mezzotint.families.family import Model
from mezzotint.families.registry import find, open_model
from mezzotint.values.errors import BadModelFile, ModelNotFound, WeightsMismatch
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.delta import Factors, Full, LowRank
from mezzotint.weights.digest import digest
from mezzotint.weights.files import save_tensors
from mezzotint.weights.layout import SAME, THIRDS, Placed

LAYERS = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q": (32, 32),
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn2_to_out_0": (32, 32),
    "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_ff_net_2": (16, 64),
    "lora_te_text_model_encoder_layers_0_mlp_fc1": (64, 32),
}
QUERY = next(iter(LAYERS))
FIRST = low_rank(LAYERS, LAYERS)
DORA = low_rank(list(LAYERS)[1:3], LAYERS, rank=3) | {
    f"{list(LAYERS)[1]}.dora_scale": rand(32, 1),
    f"{list(LAYERS)[1]}.alpha": torch.tensor(1.5),
}
OFT = {f"{QUERY}.oft_blocks": rand(4, 8, 8), f"{list(LAYERS)[3]}.diff_b": rand(64)}
STORED = {f"{QUERY}.oft_diag": rand(4, 8, 8), f"{list(LAYERS)[3]}.ia3_l": rand(64, 1)}
IA3 = {f"{list(LAYERS)[2]}.weight": rand(64), f"{list(LAYERS)[2]}.on_input": torch.tensor(1)}


def test_strengths_add_up() -> None:
    model = toy.make()
    before = {name: t.clone() for name, t in weights(model).items()}
    first, second = opened(model, FIRST), opened(model, low_rank(LAYERS, LAYERS, rank=4))
    merged = Merged(weights(model), before.__getitem__)
    merged.set([(first, 0.5), (second, -2.0)])
    after = weights(model)
    layer, name = QUERY, "unet.mid.attention.blocks.0.attn1.q.weight"
    wanted = before[name] + 0.5 * FIRST[f"{layer}.lora_up.weight"] @ FIRST[f"{layer}.lora_down.weight"]
    wanted = wanted - 2 * rand(32, 4, seed=0) @ rand(4, 32, seed=0)
    assert torch.allclose(after[name], wanted, atol=1e-5) and not torch.equal(after[name], before[name])
    assert sum(not torch.equal(after[name], before[name]) for name in before) == len(LAYERS)
    assert [weight for _, weight in merged.uses] == [0.5, -2.0]


def thousand(model: Model, original: Callable[[str], Tensor], made: list[Adapter], rounds: int) -> str:
    """Random stacks, every so often none, and none at the end; gives the digest of before."""
    choice, first, seen = random.Random(7), digest(weights(model)), set[str]()
    merged = Merged(weights(model), original)
    stack: list[tuple[Adapter, float]] = []
    for n in range(rounds):
        what = choice.choice(("put", "put", "weigh", "take", "swap", "none"))
        if what == "put" and len(stack) < 4:
            stack.append((choice.choice(made), choice.uniform(-2, 2)))
        elif what == "weigh" and stack:
            place = choice.randrange(len(stack))
            stack[place] = (stack[place][0], choice.choice((0.0, choice.uniform(-1e3, 1e3))))
        elif what == "take" and stack:
            stack.pop(choice.randrange(len(stack)))
        elif what == "swap":
            stack.reverse()
        elif what == "none" and n % 4 == 0:
            stack.clear()
        merged.set(stack)
        if not merged.uses and n % 5 == 0:
            assert digest(weights(model)) == first
        elif n % 50 == 0:
            seen.add(digest(weights(model)))
    assert len(seen) > rounds // 100 and first not in seen
    merged.set([])
    return first


def test_nothing_stays_behind_after_a_thousand_changes_of_the_toy() -> None:
    model, fresh = toy.make(), weights(toy.make())
    made = [opened(model, made) for made in (FIRST, DORA, OFT, STORED, IA3)]
    assert thousand(model, fresh.__getitem__, made, 1000) == digest(weights(model))


def test_nothing_stays_behind_after_a_thousand_changes_of_the_embedded_model() -> None:
    located = find(ModelUse(base="mini"))
    model = open_model(located)
    shapes = names_of(model)[1]
    layers = {
        f"unet.{module}": (shapes[name][0], shapes[name][1])
        for name in (
            "unet.mid.attention.blocks.0.attn1.q.weight",
            "unet.mid.attention.blocks.0.attn2.out.weight",
        )
        for module in [names_by_place(model)[name]]
    }
    adapters = [opened(model, low_rank(layers, layers, rank)) for rank in (1, 4)]
    assert thousand(model, original_of(located), adapters, 1000) == digest(weights(model))


def names_by_place(model: Model) -> dict[str, str]:
    names, _ = names_of(model)
    places = names._places.items()
    return {
        p.ours[0]: module[5:]
        for (module, leaf), p in places
        if module.startswith("unet_") and leaf == "weight"
    }


def test_what_stays_the_same_is_not_written_again() -> None:
    model = toy.make()
    fresh, read = weights(toy.make()), list[str]()

    def original(name: str) -> Tensor:
        read.append(name)
        return fresh[name]

    first, dora = opened(model, FIRST), opened(model, DORA)
    merged = Merged(weights(model), original)
    merged.set([(first, 1.0)])
    assert len(read) == 4
    merged.set([(first, 1.0)])
    assert len(read) == 4
    merged.set([(first, 1.0), (dora, 0.5)])
    assert len(read) == 6
    merged.set([(first, 1.0), (dora, 0.0)])
    assert len(read) == 8 and len(merged.uses) == 1


def test_a_failure_on_the_way_leaves_the_model_as_it_was() -> None:
    model = toy.make()
    fresh, first = weights(toy.make()), digest(weights(model))

    class Failing(Full):
        def change(self, weight: Tensor) -> Tensor:
            raise MemoryError

    adapter = opened(model, FIRST)
    broken = Adapter(Path("broken"), (*adapter.changes[:2], (adapter.changes[2][0], Failing(rand(1)))))
    merged = Merged(weights(model), fresh.__getitem__)
    with pytest.raises(MemoryError):
        merged.set([(broken, 1.0)])
    assert digest(weights(model)) == first and merged.uses == ()
    merged.set([(adapter, 1.0)])
    with pytest.raises(MemoryError):
        merged.set([(adapter, 2.0), (broken, 1.0)])
    assert digest(weights(model)) == first


def test_fused_layers_are_changed_as_one_and_beside_their_parts() -> None:
    live = {x: rand(2, 3, seed=n) for n, x in enumerate("qkv")}
    before = {name: t.clone() for name, t in live.items()}
    fused = Placed("qkv", ("q", "k", "v"), THIRDS)
    alone = Adapter(Path("one"), ((Placed("k", ("k",), SAME), Full(torch.ones(2, 3))),))
    both = Adapter(Path("all"), ((fused, LowRank(Factors(rand(6, 1), rand(1, 3)), 1.0)),))
    merged = Merged(live, before.__getitem__)
    merged.set([(alone, 1.0), (both, 2.0)])
    wanted = torch.cat([before["q"], before["k"] + 1, before["v"]]) + 2 * rand(6, 1) @ rand(1, 3)
    assert torch.allclose(torch.cat([live[x] for x in "qkv"]), wanted)
    merged.set([(alone, 1.0)])
    assert torch.equal(live["k"], before["k"] + 1) and torch.equal(live["q"], before["q"])
    merged.set([])
    assert all(torch.equal(live[x], before[x]) for x in "qkv")


def test_half_precision_is_merged_in_float32() -> None:
    model = toy.make()
    model.unet.to(torch.bfloat16)
    fresh = weights(toy.make())
    adapter = opened(model, FIRST)
    first = digest(weights(model))
    merged = Merged(weights(model), fresh.__getitem__)
    merged.set([(adapter, 0.25)])
    name = "unet.mid.attention.blocks.0.attn1.q.weight"
    up, down = (FIRST[f"{QUERY}.lora_{x}.weight"] for x in ("up", "down"))
    assert torch.equal(weights(model)[name], (fresh[name] + 0.25 * (up @ down)).bfloat16())
    merged.set([])
    assert digest(weights(model)) == first


def test_a_model_takes_files_and_gives_them_back(tmp_path: Path) -> None:
    located = find(ModelUse(base=str(saved("sd1", tmp_path))))
    model = open_model(located)
    first = digest(weights(model))
    layer = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    made = low_rank([layer], {layer: (48, 32)})
    one, two = tmp_path / "one.safetensors", tmp_path / "two.safetensors"
    save_tensors(made, one)
    save_tensors({name: 2 * t for name, t in made.items()}, two)
    adapters = ModelAdapters(model, original_of(located))
    adapters.use([(one, 1.0), (two, 0.5)])
    stacked = digest(weights(model))
    assert stacked != first
    with pytest.raises(ModelNotFound, match="path of the adapter"):
        adapters.use([(tmp_path / "none.safetensors", 1.0)])
    bad = tmp_path / "bad.safetensors"
    bad.write_bytes(b"{")
    with pytest.raises(BadModelFile):
        adapters.use([(one, 3.0), (bad, 1.0)])
    save_tensors({"x.lora_up.weight": rand(2, 2), "x.lora_down.weight": rand(2, 2)}, bad)
    with pytest.raises(WeightsMismatch):
        adapters.use([(bad, 1.0)])
    assert digest(weights(model)) == stacked
    one.unlink()
    save_tensors({name: 3 * t for name, t in made.items()}, one)
    adapters.use([(one, 1.0), (two, 0.5)])
    assert digest(weights(model)) not in (first, stacked)
    adapters.use([])
    assert digest(weights(model)) == first


def test_the_file_a_model_came_from_may_be_gone(tmp_path: Path) -> None:
    path = saved("sd1", tmp_path)
    located = find(ModelUse(base=str(path)))
    model = open_model(located)
    first, original = weights(model), original_of(located)
    path.unlink()
    assert all(torch.equal(original(name).float(), tensor) for name, tensor in first.items())
