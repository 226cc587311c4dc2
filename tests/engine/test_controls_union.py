"""ControlNets for several kinds of hints in a run: alone, together, in batches and tiles, and what is refused."""

from dataclasses import replace

import pytest
import torch

from engine.followers import HINT, drawn, filled, joint_control_file, pictures, union_file
from engine.recipes import draw, pixels, recipe
from families.reduced import JOINT
from mezzotint.engine.engine import Engine
from mezzotint.families.control_nets import open_control
from mezzotint.families.toy import TOY
from mezzotint.hints.registry import HINTS
from mezzotint.nets.control_union import ControlUnion, UnionGeometry
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.mmdit_control import MMDiTControlGeometry
from mezzotint.nets.unet import UNet
from mezzotint.values.controls import KINDS
from mezzotint.values.errors import BadModelFile, BadValue, MezzotintError
from mezzotint.weights.files import open_tensors, save_tensors

UNION = UnionGeometry(ControlNetGeometry(TOY.denoiser, HINT), waves=8)


@pytest.fixture(scope="module")
def engine():
    return Engine("cpu", 1)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("union")
    union_file(folder / "net.safetensors", UNION)
    union_file(folder / "promax.safetensors", replace(UNION, kinds=8))
    union_file(
        folder / "wide.safetensors",
        replace(UNION, control=ControlNetGeometry(replace(TOY.denoiser, context=40), HINT)),
    )
    pictures(folder)
    return folder


def control(files, settings, net="net", picture="photo"):
    return f"{files / net}.safetensors:image={files / picture}.png{settings}"


def test_what_hints_show_is_seen(engine, files):
    pose, depth = control(files, ",shows=openpose"), control(files, ",shows=depth", picture="other")
    found = [
        drawn(engine),
        drawn(engine, control=[pose]),
        drawn(engine, control=[control(files, ",shows=depth")]),
        drawn(engine, control=[control(files, ",shows=openpose,weight=0.5")]),
        drawn(engine, control=[control(files, ",shows=openpose,mode=control")]),
        drawn(engine, control=[control(files, ",shows=openpose,mode=prompt")]),
        drawn(engine, control=[control(files, ",shows=openpose,stop=0.5")]),
        drawn(engine, control=[pose, depth]),
        drawn(engine, control=[pose, control(files, ",shows=depth,weight=0.5", picture="other")]),
        drawn(engine, control=[pose, control(files, ",shows=depth,start=0.01", picture="other")]),
        drawn(engine, control=[control(files, ",shows=tile", net="promax")]),
    ]
    assert len(set(found)) == len(found)
    same = drawn(engine, control=[control(files, ",hint=canny")])
    assert same == drawn(engine, control=[control(files, ",hint=canny,shows=lineart")])


def test_several_hints_are_one_call_and_the_order_is_none(engine, files, monkeypatch):
    calls, encode = [], ControlNet.residuals

    def counted(self, *given):
        calls.append(1)
        return encode(self, *given)

    monkeypatch.setattr(ControlNet, "residuals", counted)
    hints = [control(files, ",shows=openpose"), control(files, ",shows=depth", picture="other")]
    forth = drawn(engine, control=hints)
    assert len(calls) == 4
    assert forth == drawn(engine, control=hints[::-1])


def test_what_has_no_weight_changes_no_bit(engine, files):
    assert drawn(engine, control=[control(files, ",shows=depth,weight=0")]) == drawn(engine)
    one = [control(files, ",shows=depth")]
    assert drawn(engine, control=[*one, control(files, ",shows=canny,weight=0")]) == drawn(
        engine, control=one
    )


def test_a_batch_is_drawn_as_each_alone(engine, files):
    said = {"control": [control(files, ",shows=openpose"), control(files, ",shows=depth", picture="other")]}
    recipes = [recipe(text, seed=seed, **said) for text, seed in (("a", 1), ("b", 2))]
    assert pixels(engine, recipes) == [pixels(engine, [one])[0] for one in recipes]


def test_over_tiles_and_at_the_edges(engine, files):
    wishes = {"width": 64, "height": 48, "control": [control(files, ",shows=depth")]}
    whole = drawn(engine, **wishes)
    assert drawn(engine, **wishes, tile=64) == whole
    found = {whole, drawn(engine, **wishes, tile=32, tile_overlap=16), drawn(engine, **wishes, seamless="x")}
    assert len(found) == 3


@pytest.mark.parametrize(
    ("net", "settings", "told"),
    [
        ("net", "", "was not told which this one is; say shows=NAME: openpose, depth, scribble"),
        ("net", ",hint=invert", "was not told which this one is"),
        ("net", ",shows=tile", "knows no hints that show tile; use its second edition"),
        ("wide", ",shows=depth", "text of 40, this one has 16, 32 and 32"),
    ],
)
def test_what_does_not_fit_is_refused(engine, files, net, settings, told):
    with pytest.raises(MezzotintError, match=told):
        draw(engine, recipe(control=[control(files, settings, net=net)]))


def test_a_union_for_a_transformer_is_refused_and_sizes_are_checked(files, tmp_path):
    base = JOINT["sd3-medium"].denoiser
    path = joint_control_file(
        tmp_path / "a.safetensors",
        MMDiTControlGeometry(replace(base, layers=1), 2),
        task_embedding=torch.zeros(6, 64),
    )
    with pytest.raises(BadModelFile, match="several kinds of hints and a transformer"):
        open_control(path, filled(MMDiT(base)))
    source = open_tensors(files / "net.safetensors")
    broken = {name: source.tensor(name).clone() for name in source}
    save_tensors(broken | {"task_embedding": torch.zeros(0, 16)}, tmp_path / "b.safetensors")
    with pytest.raises(BadModelFile, match="sizes no network can have"):
        open_control(tmp_path / "b.safetensors", UNet(TOY.denoiser))


def test_every_hint_that_is_made_has_a_kind_or_none_is_known():
    assert set(HINTS) - set(KINDS) == {"colour", "shuffle", "invert"}


def test_numbers_of_kinds_are_checked():
    net = filled(ControlUnion(UNION))
    with pytest.raises(BadValue, match="6 of 6 kinds"):
        net._told(torch.zeros(1, 4, 8, 8), [6])
    with pytest.raises(BadValue, match="out of range"):
        UnionGeometry(UNION.control, heads=5)
