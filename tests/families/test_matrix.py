"""The page of checkpoint kinds is what the evidence says, and the evidence can say no."""

import pytest
import torch

from families import matrix
from families.matrix_page import PAGE, page
from families.matrix_rows import ROWS
from mezzotint.weights.layout import Layout


def test_the_page_is_fresh() -> None:
    fresh = page()
    assert PAGE.read_text("utf-8") == fresh, "run `make matrix`"
    assert fresh.count("\n| ") == len(ROWS) + 1 == len(matrix.KINDS) + 1


def test_a_rule_less_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "diffusers_vae_taesd"
    whole = matrix.table(kind)
    assert matrix.keys(kind) == "134" and matrix.same_bytes(kind) == matrix.YES
    fewer = Layout(whole.rules[1:])
    monkeypatch.setattr(matrix, "table", lambda kind: fewer)
    assert matrix.keys(kind) == "no: 2 unknown"


def test_a_kind_called_otherwise_a_network_of_nothing_and_a_missing_test_are_seen() -> None:
    row = ROWS["ip-adapter_sd15"]
    assert matrix.recognised("diffusers_vae_taesd", row) == "no: as a tiny autoencoder"
    assert matrix._finite(torch.zeros(2)) == matrix._finite(torch.full((2,), torch.nan)) == "no: no numbers"
    assert not matrix.runs("test_full_size_unets::test_a_network_of_published_size")
    assert not matrix.runs("test_nets_tiny::test_nothing") and not matrix.runs("test_nothing::test_decode")
    assert matrix.narrow(3840) == 30 and matrix.narrow(3) == 3 and matrix.narrow(4) == 2
