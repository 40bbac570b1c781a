"""Without Daft, the message says what to install."""

from __future__ import annotations

import sys

import pytest

import protolabel as pl
from protolabel.tables import embed_table
from protolabel.tables.engine import expecting


def test_a_missing_daft_is_named_with_the_extra(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "daft", None)
    with pytest.raises(pl.InputError, match=r"protolabel\[scale\]"):
        embed_table("list.parquet", tmp_path, encoder="sample")


@pytest.mark.parametrize("address", ["127.0.0.1:9", "ray://127.0.0.1:9", "127.0.0.1:99999"])
def test_a_ray_cluster_that_does_not_answer_is_said_at_once(monkeypatch, tmp_path, address):
    pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
    pytest.importorskip("ray", reason="needs protolabel[ray]")
    monkeypatch.setenv("DAFT_RUNNER", "ray")
    monkeypatch.setenv("RAY_ADDRESS", address)
    with pytest.raises(pl.InputError, match=f"Ray cluster at {address}.*no answer"):
        embed_table("list.parquet", tmp_path / "out", encoder="sample")
    assert not (tmp_path / "out").exists()


def test_an_address_of_a_ray_cluster_has_a_port(monkeypatch, tmp_path):
    pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
    pytest.importorskip("ray", reason="needs protolabel[ray]")
    monkeypatch.setenv("DAFT_RUNNER", "ray")
    for address in ("nonsense", "host:", ":6379", "host:port"):
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(pl.InputError, match=f"HOST:PORT.*{address}"):
            embed_table("list.parquet", tmp_path / "out", encoder="sample")


class Unreachable(Exception):  # noqa: N818 -- a stand-in for those of other libraries
    """What a library raises that has no root in common with the others."""


@pytest.mark.parametrize(
    ("library", "said"),
    [
        (
            "daft.exceptions",
            "MiscTransient\n\nCaused by the following errors:\n  1: a path\n  2: {}",
        ),
        ("daft.exceptions", "DaftError::CorruptFile {}."),
        ("ray.exceptions", "\33[36mray::Runner.next()\33[39m (pid=3)\n  File 3\nValueError: {}"),
        ("httpx2", "{}"),
    ],
)
def test_what_an_engine_raises_is_said_by_its_last_cause(monkeypatch, library, said):
    monkeypatch.setattr(Unreachable, "__module__", library)
    with (
        pytest.raises(pl.InputError, match="got: Connection refused"),
        expecting("a table", pl.InputError, "Check it."),
    ):
        raise Unreachable(said.format("Connection refused"))


def test_a_fault_of_our_own_is_not_taken_for_one_of_the_engine():
    with pytest.raises(Unreachable), expecting("a table", pl.InputError, "Check it."):
        raise Unreachable("a fault")
