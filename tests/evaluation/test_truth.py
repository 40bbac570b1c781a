from __future__ import annotations

import numpy as np
import pytest

import protolabel as pl
from protolabel.evaluation import class_indices, known_truth, read_truth, renamed_truth


def test_a_list_may_have_gaps():
    given = ["cat", None, "", float("nan"), " ", np.str_("dog")]
    assert known_truth(given, [""] * 6) == ("cat", None, None, None, None, "dog")


def test_a_list_names_every_image():
    with pytest.raises(pl.InputError, match=r"each of 2 images .*, got 1"):
        known_truth(["cat"], ["a.png", "b.png"])


def test_a_mapping_goes_by_the_name_of_the_image():
    got = known_truth({"x/b.png": "dog", "gone.png": "cat"}, ["a.png", "x/b.png"])
    assert got == (None, "dog")


def test_names_of_windows_and_of_a_mac_are_the_same():
    got = known_truth({"x\\ba\u0308r.png": "dog", "./a.png": "cat"}, ["a.png", "x/b\u00e4r.png"])
    assert got == ("cat", "dog")


def test_an_image_elsewhere_is_found_by_its_file_name_if_there_is_one_of_it():
    truth = {"dog/1.png": "dog", "cat/2.png": "cat", "cat/3.png": "cat", "dog/3.png": "dog"}
    got = known_truth(truth, ["1.png", "a/2.png", "b/2.png", "3.png"])
    assert got == ("dog", None, None, None)


@pytest.mark.parametrize("truth", [{"other.png": "cat"}, {"a.png": None}, {}])
def test_a_mapping_that_names_no_image_is_a_mistake(truth):
    with pytest.raises(pl.InputError, match="some of the 1 images"):
        known_truth(truth, ["a.png"])


def test_class_folders_are_truth(make_images):
    folder = make_images({"red": 2, "blue": 1})
    assert sorted(read_truth(folder).values()) == ["blue", "red", "red"]
    names = pl.find_images(folder).names
    assert known_truth(folder, names) == pl.find_images(folder, truth=True).truth


@pytest.mark.parametrize(
    "head", ["image,truth", "id, Image ,Truth", "source,x,label", "\ufefffile,class"]
)
def test_a_table_is_read_by_its_heads(tmp_path, head):
    wanted = {"image": "a.png", "source": "a.png", "file": "a.png", "truth": "cat"}
    wanted |= {"class": "cat", "label": "cat", "id": "7", "x": "y"}
    row = [wanted[one.strip("\ufeff ").lower()] for one in head.split(",")]
    path = tmp_path / "truth.csv"
    path.write_text(f"{head}\n{','.join(row)}\n{',' * len(row[1:])}\n", "utf-8")
    assert read_truth(path) == {"a.png": "cat"}


@pytest.mark.parametrize("text", ["a,b\n1,2\n", "", "image\na.png\n"])
def test_a_table_without_the_heads_is_refused(tmp_path, text):
    path = tmp_path / "truth.csv"
    path.write_text(text)
    with pytest.raises(pl.InputError, match="columns named image and truth"):
        read_truth(path)


def test_what_cannot_be_read_is_refused(tmp_path):
    with pytest.raises(pl.InputError, match="cannot be read"):
        read_truth(tmp_path / "missing.csv")
    (tmp_path / "picture.csv").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(pl.InputError, match="cannot be read"):
        read_truth(tmp_path / "picture.csv")


def test_class_indices():
    got = class_indices([" Cat", "fox", None, "ba\u0308r"], ["b\u00e4r", "cat"])
    np.testing.assert_array_equal(got, [1, -1, -2, 0])


def test_the_truth_follows_a_renamed_class():
    got = renamed_truth(["Ba\u0308r", None, "cat", "b\u00e4r"], "b\u00e4r", "bear")
    assert got == ("bear", None, "cat", "bear")
