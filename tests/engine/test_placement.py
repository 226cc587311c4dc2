"""Devices, threads and what happens when memory runs out."""

from dataclasses import replace

import pytest
import torch

from mezzotint.engine import placement
from mezzotint.engine.placement import (
    WORK_OF_A_THREAD,
    NotEnoughMemory,
    Placement,
    devices,
    place,
    usable_threads,
)
from mezzotint.values.errors import BadValue, UnknownName


def test_the_cpu_is_always_there_and_named():
    chosen = place("cpu", 1)
    assert (chosen.device.type, chosen.threads) == ("cpu", 1)
    assert chosen.kernels.startswith("cpu ")
    assert devices()[0] == "cpu"


def test_the_fastest_device_is_the_default():
    assert str(place().device) == devices()[-1]


def test_unknown_devices_and_threads_are_refused():
    with pytest.raises(UnknownName, match="unknown device 'gpu'"):
        place("gpu")
    with pytest.raises(BadValue, match="threads"):
        place("cpu", 0)


def test_threads_and_inference_hold_inside_only():
    before = torch.get_num_threads()
    with place("cpu", before + 1).pinned(exact=True):
        assert torch.get_num_threads() == before + 1
        assert torch.is_inference_mode_enabled()
    assert torch.get_num_threads() == before
    assert not torch.is_inference_mode_enabled()


def test_threads_are_put_back_after_an_error():
    before = torch.get_num_threads()
    with pytest.raises(ZeroDivisionError), place("cpu", before + 1).pinned(exact=False):
        raise ZeroDivisionError
    assert torch.get_num_threads() == before


def test_no_room_is_said_in_words():
    with pytest.raises(NotEnoughMemory, match="smaller width"), place("cpu", 1).pinned(exact=True):
        torch.empty(1 << 44)
    with pytest.raises(NotEnoughMemory), place("cpu", 1).pinned(exact=True):
        raise MemoryError


def test_other_faults_stay_what_they_are():
    with pytest.raises(RuntimeError, match="shapes"), place("cpu", 1).pinned(exact=True):
        raise RuntimeError("shapes do not fit")


def test_small_work_gets_few_threads_unless_they_were_asked_for():
    free = Placement(torch.device("cpu"), 8, "cpu")
    assert [free.suited(work * WORK_OF_A_THREAD).threads for work in (0, 0.5, 1, 2.9, 8, 1e6)] == [
        1, 1, 1, 2, 8, 8,
    ]  # fmt: skip
    assert replace(free, fixed=True).suited(0).threads == 8
    assert place("cpu", 2).fixed and not place("cpu").fixed


@pytest.mark.parametrize(("text", "cores"), [("150000 100000", 1), ("max 100000", None), ("nonsense", None)])
def test_the_quota_of_a_container_is_obeyed(tmp_path, monkeypatch, text, cores):
    (tmp_path / "cpu.max").write_text(text)
    monkeypatch.setattr(placement, "_CGROUP_QUOTA", tmp_path / "cpu.max")
    free = torch.get_num_threads()
    assert usable_threads() <= (cores or free)
