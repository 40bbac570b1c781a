"""No image of a table is taken for another, and every row that is left out is counted."""

from __future__ import annotations

import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.tables import apply_table, embed_table, fit_table

if TYPE_CHECKING:
    from pathlib import Path

pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["dog", "cat"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> list[Path]:
    folder = tmp_path_factory.mktemp("photos")
    pl.write_sample_pictures(folder, classes=CLASSES, per_class=4, seed=2)
    return sorted(folder.rglob("*.jpg"))


def embed(source: Path | str, output: Path, **options: object):
    return embed_table(source, output, encoder="sample", progress=silent, **options)


def vectors(folder: Path) -> dict[str, np.ndarray]:
    table = pq.read_table(folder)
    return {
        name: None if vector is None else np.array(vector)
        for name, vector in zip(
            table["id"].to_pylist(), table["vector"].to_pylist(), strict=True
        )
    }  # fmt: skip


def write(folder: Path, kind: str, ids: list, photos: list[Path]) -> Path:
    """A table with these ids and photos."""
    content = [photo.read_bytes() for photo in photos]
    if kind == "csv":
        lines = [f"{name},{photo}" for name, photo in zip(ids, photos, strict=True)]
        (folder / "list.csv").write_text("\n".join(["id,path", *lines]))
        return folder / "list.csv"
    if kind == "lance":
        pytest.importorskip("daft_lance", reason="needs daft-lance, of 90 MB")
        import lance

        lance.write_dataset(pa.table({"id": ids, "image": content}), str(folder / "list.lance"))
        return folder / "list.lance"
    images = {
        "paths": [str(photo) for photo in photos],
        "bytes": content,
        "hugging face": [{"bytes": data, "path": None} for data in content],
    }[kind]
    pq.write_table(pa.table({"id": ids, "image": images}), folder / "list.parquet")
    return folder / "list.parquet"


KINDS = ["csv", "paths", "bytes", "hugging face", "lance"]


@pytest.mark.parametrize("kind", KINDS)
def test_different_images_with_one_id_are_refused_before_anything_is_written(
    photos, tmp_path, kind
):
    table = write(tmp_path, kind, ["a", "b", "a"], photos[:3])
    with pytest.raises(pl.InputError, match=r"'a' .* 2 different images.*--id-column"):
        embed(table, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("kind", KINDS)
def test_a_repeated_row_is_embedded_once_and_counted(photos, tmp_path, kind):
    table = write(tmp_path, kind, ["a", "b", "a"], [photos[0], photos[1], photos[0]])
    summary = embed(table, tmp_path / "out")
    assert (summary.rows, summary.same, summary.repeated) == (2, 1, 0)
    assert "1 row left out, with the id and image of another" in str(summary)
    assert len(pq.read_table(tmp_path / "out")) == 2
    again = embed(table, tmp_path / "out")
    assert (again.rows, again.same) == (2, 1)


def test_a_path_that_stands_twice_is_labelled_once(photos, tmp_path):
    paths = [str(photo) for photo in photos]
    pq.write_table(pa.table({"path": [*paths, paths[0]]}), tmp_path / "list.parquet")
    embed(tmp_path / "list.parquet", tmp_path / "vectors")
    fit_table(tmp_path / "vectors", CLASSES, tmp_path / "fitted", progress=silent)
    for source in ("list.parquet", "vectors"):
        out = tmp_path / f"labels of {source}"
        summary = apply_table(tmp_path / "fitted", tmp_path / source, out, progress=silent)
        assert (summary.rows, summary.same) == (len(paths), source == "list.parquet")
        assert sorted(pq.read_table(out)["id"].to_pylist()) == paths


def test_rows_without_an_id_are_left_out_and_counted(photos, tmp_path):
    paths = [str(photos[0]), None, "", str(photos[1])]
    pq.write_table(pa.table({"path": paths}), tmp_path / "list.parquet")
    summary = embed(tmp_path / "list.parquet", tmp_path / "out")
    assert (summary.rows, summary.errors, summary.without_id) == (2, 0, 2)
    assert "2 rows left out, without an id" in str(summary)


@pytest.mark.parametrize(
    ("paths", "says"), [([], "an empty table"), ([None, ""], "2 rows without an id")]
)
def test_a_table_without_images_is_refused(tmp_path, paths, says):
    pq.write_table(pa.table({"path": pa.array(paths, pa.string())}), tmp_path / "list.parquet")
    with pytest.raises(pl.InputError, match=says):
        embed(tmp_path / "list.parquet", tmp_path / "out")


def test_ids_of_a_csv_file_stay_as_they_are_written(photos, tmp_path):
    table = write(tmp_path, "csv", ["007", "7", "1e3", "1000"], photos[:4])
    embed(table, tmp_path / "out")
    assert vectors(tmp_path / "out").keys() == {"007", "7", "1e3", "1000"}


def write_archive(path: Path, *members: tuple[str, Path]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w") as file:
        for name, photo in members:
            member = tarfile.TarInfo(name)
            member.size = photo.stat().st_size
            file.addfile(member, io.BytesIO(photo.read_bytes()))


@pytest.mark.parametrize("pattern", ["", "/*.tar"])
def test_keys_that_start_again_in_each_archive_are_told_apart(photos, tmp_path, pattern):
    write_archive(tmp_path / "a" / "0.tar", ("0.jpg", photos[0]), ("1.jpg", photos[1]))
    write_archive(tmp_path / "a" / "1.tar", ("0.jpg", photos[2]), ("1.jpg", photos[3]))
    summary = embed(f"{tmp_path}/a{pattern}", tmp_path / "out")
    assert (summary.rows, summary.errors, summary.same) == (4, 0, 0)
    found = vectors(tmp_path / "out")
    assert sorted(found) == ["0.tar/0", "0.tar/1", "1.tar/0", "1.tar/1"]
    encoder = pl.load_encoder("sample")
    wanted = pl.embed_images(pl.find_images(photos[:4]), encoder, progress=silent).vectors
    for name, vector in zip(sorted(found), wanted, strict=True):
        np.testing.assert_allclose(found[name], vector, atol=1e-3)
    assert embed(f"{tmp_path}/a{pattern}", tmp_path / "out").rows == 4


@pytest.mark.parametrize("between", [[], ["1.jpg"]])
def test_a_key_that_one_archive_has_twice_is_refused(photos, tmp_path, between):
    names = ["0.jpg", *between, "0.jpg"]
    write_archive(tmp_path / "list.tar", *zip(names, photos, strict=False))
    with pytest.raises(pl.InputError, match=r"list\.tar/0.*rename the samples"):
        embed(tmp_path / "list.tar", tmp_path / "out")


def test_samples_with_several_images_have_to_be_told_which_is_meant(photos, tmp_path):
    write_archive(tmp_path / "list.tar", ("0.left.jpg", photos[0]), ("0.right.jpg", photos[1]))
    with pytest.raises(pl.InputError, match=r"left\.jpg, right\.jpg.*--image-column"):
        embed(tmp_path / "list.tar", tmp_path / "out")
    embed(tmp_path / "list.tar", tmp_path / "out", image_column="right.jpg")
    with pytest.raises(pl.StoreError, match=r"another image column \('right\.jpg'\)"):
        embed(tmp_path / "list.tar", tmp_path / "out", image_column="left.jpg")


def test_another_table_with_the_same_ids_is_not_taken_for_done(photos, tmp_path):
    for name, photo in zip("xy", photos, strict=False):
        (tmp_path / name).mkdir()
        write(tmp_path / name, "bytes", ["a"], [photo])
    embed(tmp_path / "x" / "list.parquet", tmp_path / "out")
    with pytest.raises(pl.StoreError, match="another table"):
        embed(tmp_path / "y" / "list.parquet", tmp_path / "out")


def test_images_of_a_hugging_face_table_are_identified_by_their_paths(photos, tmp_path):
    """The columns of most image datasets: image and label."""
    images = [{"bytes": photo.read_bytes(), "path": photo.name} for photo in photos]
    table = pa.table({"image": images, "label": [0] * len(photos)})
    pq.write_table(table, tmp_path / "list.parquet")
    embed(tmp_path / "list.parquet", tmp_path / "out")
    assert sorted(vectors(tmp_path / "out")) == [photo.name for photo in photos]
    with pytest.raises(pl.InputError, match=r"texts or numbers.*--id-column"):
        embed(tmp_path / "list.parquet", tmp_path / "other", id_column="image")


def test_brackets_in_the_name_of_a_table_are_no_pattern(photos, tmp_path):
    folder = tmp_path / "a[1] {x}?"
    folder.mkdir()
    table = write(folder, "paths", ["a"], photos[:1])
    for source, output in ((table, "b[2]"), (folder, "c")):
        assert embed(source, tmp_path / output).rows == 1
        assert embed(source, tmp_path / output).rows == 1


def test_an_image_is_read_by_its_path_where_its_bytes_are_missing(photos, tmp_path):
    """The struct of Hugging Face datasets that refer to files."""
    images = [
        {"bytes": photos[0].read_bytes(), "path": None},
        {"bytes": None, "path": str(photos[1])},
        {"bytes": None, "path": photos[2].as_uri()},
        {"bytes": None, "path": None},
    ]
    pq.write_table(pa.table({"id": list("abcd"), "image": images}), tmp_path / "list.parquet")
    summary = embed(tmp_path / "list.parquet", tmp_path / "out")
    assert summary.reasons == {"the row holds no image": 1}
    found = vectors(tmp_path / "out")
    encoder = pl.load_encoder("sample")
    wanted = pl.embed_images(pl.find_images(photos[:3]), encoder, progress=silent).vectors
    for name, vector in zip("abc", wanted, strict=True):
        np.testing.assert_allclose(found[name], vector, atol=1e-3)
