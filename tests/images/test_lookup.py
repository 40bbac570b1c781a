"""One lookup of images and classes: whatever people call them, it is found, or said not to be."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path, PurePosixPath

import pytest

from protolabel.images import ImageLookup, ImageSet, find_classes

NFC, NFD = (unicodedata.normalize(form, "caf\u00e9.png") for form in ("NFC", "NFD"))
NAMES = ("s0/0001.jpg", "s1/0001.jpg", "s0/0002.jpg", f"s0/{NFD}", "deep/er/still/x y.png")
ROOT = PurePosixPath("/home/me/photos")


@pytest.fixture
def lookup():
    return ImageLookup(NAMES, ROOT)


@pytest.mark.parametrize(
    ("word", "index"),
    [
        ("s1/0001.jpg", 1),
        ("./s1/0001.jpg", 1),
        ("s1\\0001.jpg", 1),
        ("/home/me/photos/s1/0001.jpg", 1),
        ("/content/drive/photos/s1/0001.jpg", 1),  # of another machine
        ("C:\\Users\\me\\photos\\s1\\0001.jpg", 1),
        ("photos/s1/0001.jpg", 1),
        ("S1/0001.JPG", 1),
        ("0002.jpg", 2),
        ("elsewhere/0002.jpg", 2),
        (f"s0/{NFC}", 3),
        (NFC, 3),
        (f"s0/{NFD}", 3),
        ("still/x y.png", 4),
        ("file:///mnt/deep/er/still/x%20y.png", 4),
        ("/data/local-files/?d=photos/deep/er/still/x%20y.png", 4),  # of Label Studio
        ("/data/upload/7/ab12cd34-0002.jpg", 2),  # as Label Studio renames it
        ("https://bucket.s3.amazonaws.com/s1/0001.jpg?X-Amz-Signature=1", 1),
    ],
)
def test_an_image_is_found_by_whatever_it_is_called(lookup, word, index):
    assert lookup.find([word]).images == {word: index}


def test_paths_are_taken_from_the_working_directory_and_through_links(tmp_path, monkeypatch):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    lookup = ImageLookup(["a.png", "b/a.png"], tmp_path / "link")
    monkeypatch.chdir(tmp_path)
    words = ["link/a.png", os.fspath(tmp_path / "real" / "b" / "a.png"), Path("link/b/a.png")]
    assert list(lookup.find(words).images.values()) == [0, 1, 1]


def test_a_root_that_no_folder_can_have_is_no_obstacle():
    lookup = ImageLookup(["a.png"], PurePosixPath("/\ud800"))  # text from a stranger's dataset
    assert lookup.find(["a.png", "b.png"]).images == {"a.png": 0}


def test_a_file_name_that_two_images_have_stands_for_neither(lookup):
    found = lookup.find(["0001.jpg", "t/0001.jpg", "gone.jpg", "s0/0002.jpg"])
    assert found.images == {"s0/0002.jpg": 2}
    assert found.several == ("0001.jpg", "t/0001.jpg")
    assert found.unknown == ("gone.jpg",)
    assert found.complaint() == (
        "1 of 4 image names match no image, such as 'gone.jpg'; 2 of 4 image names match several "
        "images (add their folder), such as '0001.jpg', 't/0001.jpg'"
    )
    assert "2 images ('s0/0001.jpg', 's1/0001.jpg'): add the folder" in lookup.what_is_wrong(
        "0001.jpg"
    )
    assert "Did you mean 's0/0002.jpg'" in lookup.what_is_wrong("s0/0003.jpg")


def test_two_paths_with_one_end_are_two_images():
    found = ImageLookup(["3.png"]).find(["cat/3.png", "dog/3.png"])
    assert found.images == {}
    assert found.several == ("cat/3.png", "dog/3.png")
    assert ImageLookup(["3.png"]).find(["3.png", "dog/3.png"]).images == {"3.png": 0}


def test_names_that_differ_in_case_or_unicode_form_alone_are_told_apart():
    names = ["a.png", "A.png", NFC, NFD]
    assert ImageLookup(names).find(names).images == {name: i for i, name in enumerate(names)}


class TestExportedNames:
    """An export numbers equal base names and puts images into class folders."""

    names = ("s0/1.jpg", "s1/1.jpg", "s0/2.gif")
    exported = ("dog/1.jpg", "cat/1_2.jpg", "dog/2.png")

    @pytest.mark.parametrize("given", [exported, ("1.jpg", "1_2.jpg", "2.png")])
    @pytest.mark.parametrize("folder", ["", "splits/train/", "/elsewhere/out/splits/val/"])
    def test_the_path_that_an_export_gave(self, given, folder):
        words = [folder + path for path in self.exported]
        found = ImageLookup(self.names, ROOT, lambda: given).find(words)
        assert list(found.images.values()) == [0, 1, 2]

    def test_a_file_that_a_person_moved_to_another_class(self):
        moved = ("cat/1.jpg", "cat/1_2.jpg", "dog/2.png")
        found = ImageLookup(self.names, ROOT, lambda: self.exported).find(moved)
        assert list(found.images.values()) == [0, 1, 2]

    def test_class_folders_that_are_called_like_folders_of_the_images(self):
        """Then the paths that explain more of the words count."""
        names, exported = ("dog/1.jpg", "cat/1.jpg"), ("cat/1.jpg", "dog/1_2.jpg")
        lookup = ImageLookup(names, ROOT, lambda: exported)
        assert lookup.find(exported).images == {"cat/1.jpg": 0, "dog/1_2.jpg": 1}
        assert lookup.find(names).images == {"dog/1.jpg": 0, "cat/1.jpg": 1}

    def test_an_ambiguous_name_is_not_taken_for_that_of_the_export(self):
        found = ImageLookup(self.names, ROOT, lambda: self.exported).find(["1.jpg"])
        assert found.several == ("1.jpg",)

    def test_the_whole_path_in_the_export_is_clear_where_the_file_name_is_not(self):
        lookup = ImageLookup(self.names, ROOT, lambda: self.exported)
        assert lookup.find(["dog/1.jpg"]).images == {"dog/1.jpg": 0}
        assert lookup.find(["owl/1.jpg"]).several == ("owl/1.jpg",)

    def test_the_export_is_read_only_for_unknown_names(self):
        lookup = ImageLookup(self.names, ROOT, lambda: pytest.fail("asked"))
        assert len(lookup.find(self.names).images) == 3


def test_a_set_of_images_from_a_url():
    images = ImageSet(Path("s3:/bucket/photos"), ("red/x.png", "blue/x.png"))
    found = ImageLookup.of(images).find(["s3://bucket/photos/blue/x.png", "red/x.png"])
    assert list(found.images.values()) == [1, 0]


def test_a_hundred_thousand_images_with_one_file_name_are_found_quickly():
    names = [f"{number:06d}/image.png" for number in range(100_000)]
    words = [f"/other/{name}" for name in names]
    assert list(ImageLookup(names).find(words).images.values()) == list(range(100_000))


@pytest.mark.parametrize(
    ("word", "index"),
    [
        ("Hot dog", 0), ("hot_dog", 0), ("HOT-DOG", 0), ("hotDog", 0), (" hot  dog ", 0),
        ("ba\u0308r", 1), ("B\u00c4R", 1), ("fox", -1), ("", -1), ("1", -1),
    ],
)  # fmt: skip
def test_a_class_is_found_in_any_spelling(word, index):
    assert find_classes([word], ["hot dog", "b\u00e4r"]) == {word: index}


def test_classes_that_differ_in_an_underscore_alone_are_told_apart():
    found = find_classes(["a_b", "a b", "a-b"], ["a_b", "a b"])
    assert found == {"a_b": 0, "a b": 1, "a-b": -1}


def test_numbers_are_classes_where_no_word_is_a_name():
    assert find_classes(["0", "1.0"], ["cat", "dog"], numbers=True) == {"0": 0, "1.0": 1}
    assert find_classes(["0", "2"], ["cat", "dog"], numbers=True) == {"0": -1, "2": -1}
    assert find_classes(["0", "cat"], ["cat", "dog"], numbers=True) == {"0": -1, "cat": 0}
    assert find_classes(["1", "0"], ["1", "7"], numbers=True) == {"1": 0, "0": -1}
