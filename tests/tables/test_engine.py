"""Without Daft, the message says what to install."""

from __future__ import annotations

import sys

import pytest

import protolabel as pl
from protolabel.tables import embed_table


def test_a_missing_daft_is_named_with_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(pl.InputError, match=r"protolabel\[scale\]"):
        embed_table("list.parquet", tmp_path, encoder="sample")
