"""Vectors and images that moved together, lists as other tools write them, and no images at all."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def project(tmp_path: Path, make_images, encoder) -> Path:
    """A folder with ``photos`` and the vectors of them, which is then moved."""
    folder = tmp_path / "project"
    folder.mkdir()
    shutil.move(make_images({"red": 3, "blue": 2}), folder / "photos")
    images = pl.find_images(folder / "photos")
    pl.embed_images(images, encoder, progress=silent).save(folder / "vectors")
    return folder


@pytest.mark.parametrize("place", ["elsewhere", "a/b/c"])
def test_a_folder_that_moves_with_its_vectors_still_works(project, tmp_path, encoder, place):
    moved = tmp_path / place
    moved.parent.mkdir(parents=True, exist_ok=True)
    shutil.move(project, moved)
    embedded = pl.load_embeddings(moved / "vectors")
    assert embedded.images.root == moved / "photos"
    assert all(path.is_file() for path in embedded.images.paths)
    session = pl.Session(embedded, ["red", "blue"], encoder=encoder, progress=silent)
    assert session.export(tmp_path / "out").n_images == 5


def test_vectors_inside_the_folder_of_the_images_move_with_it(project, tmp_path, encoder):
    shutil.move(project / "vectors", project / "photos" / ".vectors")
    shutil.move(project / "photos", tmp_path / "pictures")
    embedded = pl.load_embeddings(tmp_path / "pictures" / ".vectors")
    assert embedded.images.root == tmp_path / "pictures"
    assert all(path.is_file() for path in embedded.images.paths)


def test_a_list_of_another_machine_is_found_beside_the_vectors(project):
    names = pl.find_images(project / "photos").names
    for start, separator in (("/content/drive/photos/", "/"), ("D:\\data\\photos\\", "\\")):
        lines = [start + name.replace("/", separator) for name in names]
        (project / "vectors" / "theirs.txt").write_text("\n".join(lines))
        (project / "vectors" / "x.npy").write_bytes(
            (project / "vectors" / "embeddings.npy").read_bytes()
        )
        found = pl.load_embeddings(project / "vectors/x.npy", project / "vectors/theirs.txt")
        assert all(path.is_file() for path in found.images.paths)


def test_missing_images_are_said_before_anything_is_computed(project, tmp_path, encoder):
    shutil.move(project / "photos", tmp_path / "renamed")
    embedded = pl.load_embeddings(project / "vectors")
    session = pl.Session(embedded, ["red", "blue"], encoder=encoder, progress=silent)
    with pytest.raises(pl.ExportError, match="not there any more"):
        session.export(tmp_path / "out")
    assert "clusters" not in session.computed


def test_a_saved_session_is_told_where_its_images_are_now(project, tmp_path, encoder):
    session = pl.Session(
        pl.load_embeddings(project / "vectors"), ["red", "blue"], encoder=encoder, progress=silent
    )
    session.pin("red/0000.png", "blue")
    session.save(tmp_path / "saved")
    shutil.move(project / "photos", tmp_path / "renamed")
    again = pl.Session.load(tmp_path / "saved", images=tmp_path / "renamed", encoder=encoder)
    assert again.labels.pinned.sum() == 1
    assert again.export(tmp_path / "out").n_images == 5
    with pytest.raises(pl.InputError, match="5 of 5 images are not in"):
        pl.Session.load(tmp_path / "saved", images=tmp_path, encoder=encoder)


@pytest.mark.parametrize("kind", ["header", "quoted", "utf16", "file_url", "crlf"])
def test_lists_as_other_tools_write_them(project, kind):
    paths = [str(path) for path in pl.find_images(project / "photos").paths]
    lines = {
        "header": ["image_path", *paths],
        "quoted": [f'"{path}"' for path in paths],
        "file_url": [f"file://{path}" for path in paths],
    }.get(kind, paths)
    text = ("\r\n" if kind == "crlf" else "\n").join(lines)
    listing = project / "list.txt"
    listing.write_bytes(text.encode("utf-16" if kind == "utf16" else "utf-8"))
    shutil.copy(project / "vectors/embeddings.npy", project / "x.npy")
    found = pl.load_embeddings(project / "x.npy", listing)
    assert [str(path) for path in found.images.paths] == paths


def test_paths_in_a_home_folder(project, monkeypatch):
    monkeypatch.setenv("HOME", str(project))
    names = pl.find_images(project / "photos").names
    (project / "list.txt").write_text("\n".join(f"~/photos/{name}" for name in names))
    shutil.copy(project / "vectors/embeddings.npy", project / "x.npy")
    found = pl.load_embeddings(project / "x.npy", project / "list.txt")
    assert all(path.is_file() for path in found.images.paths)


def test_images_at_urls_come_back_with_their_vectors(encoder, tmp_path, project):
    fsspec = pytest.importorskip("fsspec")
    system = fsspec.filesystem("memory")
    for path in pl.find_images(project / "photos").paths:
        system.pipe(f"/moved/{path.parent.name}/{path.name}", path.read_bytes())
    images = pl.find_images("memory://moved")
    pl.embed_images(images, encoder, progress=silent).save(tmp_path / "of_urls")
    again = pl.load_embeddings(tmp_path / "of_urls").images
    assert again.names == images.names
    assert again.open(0).read() == images.open(0).read()
    system.rm("/moved", recursive=True)


def test_vectors_without_images_are_labelled_and_refused_at_once_where_images_are_needed(
    tmp_path, encoder, project
):
    vectors = np.asarray(pl.load_embeddings(project / "vectors").vectors)
    embedded = pl.load_embeddings(vectors)
    session = pl.Session(embedded, ["red", "blue"], encoder=encoder, progress=silent)
    with pytest.raises(pl.InputError, match=r"Expected images for folders, splits, got vectors"):
        session.export(tmp_path / "out")
    assert "clusters" not in session.computed
    result = session.export(tmp_path / "out", formats=["csv", "prototypes", "report", "croissant"])
    assert result.n_images == 5
    assert len(session.to_pandas()) == 5


@pytest.mark.parametrize("given", ["tensor", "list"])
def test_embeddings_of_a_tensor_or_a_list_are_those_of_an_array(project, encoder, given):
    import torch

    loaded = pl.load_embeddings(project / "vectors")
    rows = np.asarray(loaded.vectors)
    made = pl.Embeddings(
        torch.tensor(rows) if given == "tensor" else rows.tolist(), loaded.images, loaded.encoder
    )
    session = pl.Session(made, ["red", "blue"], encoder=encoder, progress=silent)
    expected = pl.Session(loaded, ["red", "blue"], encoder=encoder, progress=silent)
    np.testing.assert_array_equal(session.labels.label, expected.labels.label)


def test_embeddings_with_other_numbers_of_rows_and_images_are_refused_at_once(project):
    loaded = pl.load_embeddings(project / "vectors")
    with pytest.raises(pl.InputError, match="each of 5 images, got 4"):
        pl.Embeddings(loaded.vectors[:-1], loaded.images, loaded.encoder)
