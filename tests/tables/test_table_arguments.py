"""What cannot be used is refused with what was expected, before anything is written."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.tables import apply_table, embed_table, export_labels, fit_table

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["dog", "cat"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A list of pictures, their vectors, a fit to them, and their labels."""
    folder = tmp_path_factory.mktemp("arguments")
    pl.write_sample_pictures(folder / "pictures", classes=CLASSES, per_class=6, seed=4)
    names = sorted(str(path) for path in (folder / "pictures").rglob("*.jpg"))
    pq.write_table(pa.table({"path": names}), folder / "list.parquet")
    embed_table(folder / "list.parquet", folder / "vectors", encoder="sample", progress=silent)
    fit_table(folder / "vectors", CLASSES, folder / "fitted", progress=silent)
    apply_table(folder / "fitted", folder / "vectors", folder / "labels", progress=silent)
    return folder


@pytest.fixture
def here(tmp_path, monkeypatch) -> Path:
    """The current folder, which is empty."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def write(folder: Path, **columns: object) -> Path:
    pq.write_table(pa.table(columns), folder / "list.parquet")
    return folder / "list.parquet"


def refused(says: str, call, *arguments: object, **options: object) -> None:
    with pytest.raises(pl.ProtolabelError, match=rf"(?s)Expected .*{says}.*: "):
        call(*arguments, **options)


def embed(source: Path | str, output: Path | str, **options: object):
    return embed_table(source, output, encoder="sample", progress=silent, **options)


def apply(home: Path, source: Path | str, output: Path | str, **options: object):
    return apply_table(home / "fitted", source, output, progress=silent, **options)


@pytest.mark.parametrize("output", ["", "abc://x/y", "https://127.0.0.1:9/x", "/dev/null/x"])
def test_an_output_that_cannot_be_written_leaves_nothing_behind(home, here, output):
    refused("", embed, home / "list.parquet", output)
    refused("", fit_table, home / "vectors", CLASSES, output, progress=silent)
    refused("", apply, home, home / "vectors", output)
    refused("", export_labels, home / "labels", output and f"{output}/labels.csv")
    assert not list(here.iterdir())


def test_a_classifier_and_a_file_of_labels_are_not_written_to_urls(home, here):
    refused("on this machine", fit_table, home / "vectors", CLASSES, "s3://a/b", progress=silent)
    refused("on this machine", export_labels, home / "labels", "s3://a/labels.csv")
    refused("on this machine", apply_table, "s3://a/b", home / "vectors", here / "out")
    assert not list(here.iterdir())


@pytest.mark.parametrize("place", ["vectors", "labels", "pictures"])
def test_a_classifier_is_not_written_among_other_things(home, place):
    before = sorted((home / place).iterdir())
    refused("something else", fit_table, home / "vectors", CLASSES, home / place, progress=silent)
    assert sorted((home / place).iterdir()) == before


def test_labels_are_not_written_among_shards_and_other_files_there_are_not_read(home, tmp_path):
    refused("outside", export_labels, home / "labels", home / "vectors" / "labels.parquet")
    embed(home / "list.parquet", tmp_path / "vectors")
    (tmp_path / "vectors" / "mine.parquet").write_bytes((home / "list.parquet").read_bytes())
    assert apply(home, tmp_path / "vectors", tmp_path / "out").errors == 0


@pytest.mark.parametrize("name", ["", "photo", "\0", "*", "path "])
@pytest.mark.parametrize("which", ["image_column", "id_column"])
def test_a_column_that_is_not_there_is_named(home, here, which, name):
    refused(
        "a column .* got the columns path", embed, home / "list.parquet", "out", **{which: name}
    )
    assert not list(here.iterdir())


def test_a_column_that_is_there_twice_is_named(home, here):
    (here.parent / "list.csv").write_text("id,path,path\n1,a.jpg,b.jpg\n")
    refused("'path' 2 times", embed, here.parent / "list.csv", "out")
    assert not list(here.iterdir())


@pytest.mark.parametrize("image", [{"bytes": None, "path": 3}, {"bytes": "abc", "path": "x"}])
def test_a_struct_that_holds_no_image_is_no_column_of_images(home, here, image):
    table = write(here.parent, id=["a"], image=[image])
    for options in ({}, {"image_column": "image"}):
        refused("image", embed, table, "out", **options)
        refused("image", apply, home, table, "out", **options)
    assert not list(here.iterdir())


@pytest.mark.parametrize("length", [0, 7])
def test_vectors_of_another_length_are_refused_before_anything_is_written(home, here, length):
    vectors = pa.array([[1.0] * length] * 4, pa.list_(pa.float32()))
    table = write(here.parent, id=list("abcd"), vector=vectors)
    refused(f"numbers.* got {length}", apply, home, table, "out")
    refused("vectors of", fit_table, table, CLASSES, "fit", encoder="sample", progress=silent)
    assert not list(here.iterdir())


def test_a_row_whose_vector_has_another_length_does_not_keep_out_the_others(home, tmp_path):
    rows = pq.read_table(home / "vectors").sort_by("id").to_pydict()
    table = write(tmp_path, id=["0", *rows["id"]], vector=[[1.0], *rows["vector"]])
    labels = fit_table(table, CLASSES, tmp_path / "fit", encoder="sample", progress=silent)
    assert len(labels) == len(rows["id"])


def test_a_column_of_errors_that_holds_no_texts_is_no_reason(home, tmp_path):
    rows = pq.read_table(home / "vectors").to_pydict()
    errors = [{"code": 1}] * len(rows["id"])
    table = write(tmp_path, id=rows["id"], vector=rows["vector"], error=errors)
    assert apply(home, table, tmp_path / "out").errors == 0


def test_a_place_beyond_its_archive_is_a_row_with_the_reason(home, tmp_path):
    places = [(str(home / "list.parquet"), 2**40, 2**60), ("gone.tar", 0, 9), (None, None, None)]
    members = [dict(zip(("archive", "start", "size"), place, strict=True)) for place in places]
    summary = embed(write(tmp_path, id=list("abc"), image=members), tmp_path / "out")
    assert summary.reasons == {"its archive cannot be read": 3}


@pytest.mark.parametrize("factor", [1e-9, 1e5])
def test_labels_depend_on_the_direction_of_a_vector_alone(home, tmp_path, factor):
    """A shard holds float16, in which these numbers would be zero or infinite."""
    rows = pq.read_table(home / "vectors").to_pydict()
    vectors = [(np.array(vector, np.float64) * factor).tolist() for vector in rows["vector"]]
    table = write(tmp_path, id=rows["id"], vector=vectors)
    assert apply(home, table, tmp_path / "out").errors == 0
    fit_table(table, CLASSES, tmp_path / "fit", encoder="sample", progress=silent)
    found, wanted = (
        dict(zip(*pq.read_table(place).select(["id", "label"]).to_pydict().values(), strict=True))
        for place in (tmp_path / "out", home / "labels")
    )
    assert found == wanted


def test_a_pattern_that_nothing_matches_and_a_missing_classifier_are_said(home, here):
    refused("got none", embed, f"{home}/*.csv", "out")
    refused("is none", apply_table, home / "nothing", home / "vectors", "out")
    assert not list(here.iterdir())


def test_the_url_of_a_local_table_is_its_path(home, tmp_path):
    (tmp_path / "a b").mkdir()
    table = tmp_path / "a b" / "list.parquet"
    table.write_bytes((home / "list.parquet").read_bytes())
    assert embed(table.as_uri(), tmp_path / "out").errors == 0
    assert embed(table, tmp_path / "out").rows == 12
