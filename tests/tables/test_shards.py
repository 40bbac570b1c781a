"""Shards are whole, of one kind, and never hold a row twice."""

from __future__ import annotations

import pytest

import protolabel as pl
from protolabel.tables.shards import Shards

pa = pytest.importorskip("pyarrow")

HEAD = {"kind": "vectors", "encoder": {"name": "a"}}


def table(*ids: str, error: str | None = None) -> pa.Table:
    return pa.table({"id": list(ids), "error": pa.array([error] * len(ids), pa.string())})


@pytest.fixture
def shards(tmp_path) -> Shards:
    made = Shards(tmp_path / "out")
    made.start(HEAD)
    return made


def test_rows_are_counted_by_the_names_of_the_files(shards):
    shards.write(table("a", "b"))
    shards.write(table("c"))
    assert shards.rows == 3
    assert len(shards.files()) == 2


def test_the_same_rows_are_the_same_file(shards):
    shards.write(table("a", "b"))
    shards.write(table("a", "b"))
    assert shards.rows == 2


def test_pyarrow_reads_the_folder(shards, tmp_path):
    import pyarrow.parquet as pq

    shards.write(table("a", "b"))
    assert pq.read_table(tmp_path / "out")["id"].to_pylist() == ["a", "b"]


def test_nothing_of_a_write_that_fails_is_read(shards, monkeypatch):
    import pyarrow.parquet as pq

    def fail(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pq, "write_table", fail)
    with pytest.raises(OSError, match="No space"):
        shards.write(table("a"))
    assert shards.files() == []


@pytest.mark.parametrize("size", [0, 10, -1])
def test_torn_shards_are_deleted(shards, tmp_path, size):
    shards.write(table("a", "b"))
    shards.write(table("c"))
    torn = next((tmp_path / "out").glob("part-*-2.parquet"))
    torn.write_bytes(torn.read_bytes()[:size])
    assert shards.drop_torn() == 1
    assert shards.rows == 1
    assert shards.drop_torn() == 0


def test_rows_with_an_error_are_dropped_for_another_try(shards):
    import pyarrow.parquet as pq

    shards.write(table("a", "b"))
    mixed = pa.concat_tables([table("c"), table("d", error="damaged")])
    shards.write(mixed)
    shards.write(table("e", error="damaged"))
    assert shards.drop_errors() == 2
    left = [name for file in shards.files() for name in pq.read_table(file)["id"].to_pylist()]
    assert sorted(left) == ["a", "b", "c"]


def test_shards_of_another_encoder_are_not_mixed(shards, tmp_path):
    with pytest.raises(pl.StoreError, match="another encoder"):
        Shards(tmp_path / "out").start({**HEAD, "encoder": {"name": "b"}})
    Shards(tmp_path / "out").start(HEAD)


def test_a_folder_with_other_things_is_refused(tmp_path):
    (tmp_path / "mine.txt").write_text("do not touch")
    with pytest.raises(pl.StoreError, match=r"mine\.txt"):
        Shards(tmp_path).start(HEAD)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


@pytest.mark.parametrize("content", ["", "[]", '{"generator": "other", "format": 1}'])
def test_a_damaged_head_is_refused(shards, tmp_path, content):
    (tmp_path / "out" / "_shards.json").write_text(content)
    with pytest.raises(pl.StoreError):
        shards.head()
