from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import protolabel as pl
from protolabel.exporting import names as module
from protolabel.exporting.names import class_folders, image_files, safe_name, unique_names
from protolabel.images import ImageSet

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("dog", "dog"),
        ("golden retriever", "golden retriever"),
        ("../../etc", "_.._etc"),
        ("/etc/passwd", "_etc_passwd"),
        ("a/b", "a_b"),
        ("a\\b", "a_b"),
        ("..", "class"),
        ("", "class"),
        ("   ", "class"),
        ("CON", "_CON"),
        ("nul.txt", "_nul.txt"),
        ("COM1", "_COM1"),
        ("console", "console"),
        ("dog.", "dog"),
        (".hidden", "hidden"),
        ("-rf", "_-rf"),
        ("a\x00b\nc", "a_b_c"),
        ("who?", "who_"),
        ("fox 🦊", "fox 🦊"),
        ("ça", "ça"),
        ("c\u0327a", "ça"),
        ("abc\u202egpj", "abc_gpj"),
        ("\udcff", "class"),
    ],
)
def test_class_names_become_safe_folder_names(name: str, safe: str) -> None:
    assert safe_name(name, "class") == safe


def test_a_long_name_is_cut_between_characters() -> None:
    assert len(safe_name("é" * 500).encode()) <= 120
    assert safe_name("é" * 500).strip("é") == ""


@given(st.text())
def test_any_text_becomes_one_safe_component(name: str) -> None:
    safe = safe_name(name)
    assert safe
    assert safe not in (".", "..")
    assert not set(safe) & set('/\\<>:"|?*\0')
    assert safe[-1] not in ". "
    assert not safe.startswith((".", " ", "-", "~"))
    assert len(safe.encode("utf-8")) <= 121
    assert all(c in "\u200c\u200d" or unicodedata.category(c)[0] != "C" for c in safe)
    assert safe_name(safe) == safe


@given(st.lists(st.text(max_size=5), max_size=12))
def test_folders_differ_on_a_case_insensitive_disk(names: list[str]) -> None:
    folders = class_folders(names, ["splits", "metadata.json"])
    keys = {unicodedata.normalize("NFKC", folder).casefold() for folder in folders}
    assert len(keys) == len(names) == len(folders)
    assert not keys & {"splits", "metadata.json"}
    assert folders == class_folders(names, ["splits", "metadata.json"])


def test_clashes_are_numbered_and_our_own_names_are_taken() -> None:
    assert class_folders(["Cat", "cat", "Splits"], ["splits"]) == ("Cat", "cat_2", "Splits_2")
    assert unique_names(["a.png", "A.png", "a_2.png"]) == ["a.png", "A_3.png", "a_2.png"]


def test_images_of_one_name_stay_apart_and_readable(tmp_path: Path) -> None:
    images = ImageSet(tmp_path, ("a/x.jpg", "b/x.jpg", "c/CON.png", "d/.h.gif", "e/..jpg"))
    assert image_files(images) == ["x.jpg", "x_2.jpg", "_CON.png", "h.gif", "image.jpg"]


def test_a_file_without_extension_gets_that_of_its_content(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "v1.2", format="PNG")
    assert image_files(ImageSet(tmp_path, ("v1.2", "missing"))) == ["v1.2.png", "missing"]


def test_undecodable_file_names_become_text(tmp_path: Path) -> None:
    (name,) = image_files(ImageSet(tmp_path, ("sub/caf\udce9.jpg",)))
    assert name == "caf_.jpg"
    name.encode("utf-8")


def test_vectors_without_images_keep_their_numbered_names_and_nothing_is_opened(monkeypatch):
    images = pl.load_embeddings(np.eye(3)).images
    monkeypatch.setattr(module, "open_file", lambda path: pytest.fail(f"opened {path}"))
    assert image_files(images) == list(images.names)
