"""Exports opened by the programs that people train with."""

from __future__ import annotations

import csv
import json
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from protolabel.common.progress import silent
from protolabel.exporting import export, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HARD = ("train", "test tube", "fox 🦊", "=1+1")
"""Class names that readers and spreadsheets stumble over."""


@pytest.fixture(scope="module", autouse=True)
def _offline(tmp_path_factory: pytest.TempPathFactory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.setenv("HF_DATASETS_CACHE", str(tmp_path_factory.mktemp("datasets")))
        patch.setenv("HF_HOME", str(tmp_path_factory.mktemp("hf")))
        yield


@pytest.fixture
def dataset(labelled: Callable, tmp_path: Path) -> Callable[..., Path]:
    """A function: ``dataset(formats)`` exports images of classes with hard names."""

    def make(*formats: str, names=HARD, files=None, **options) -> Path:
        counts = [8] * len(names)
        case = labelled(names, counts, files)
        given = {"formats": formats} if formats else {}
        return export(
            case.labels, case.embedded, tmp_path / "out", progress=silent, **given, **options
        ).folder

    return make


def test_imagefolder_of_torchvision_reads_every_picture_once(dataset: Callable) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    folder = dataset()
    records = read_metadata(folder)["images"]
    index = json.loads((folder / "splits/class_index.json").read_text("utf-8"))["classes"]
    for side in ("train", "val", "test"):
        read = datasets.ImageFolder(folder / "splits" / side, allow_empty=True)
        assert len(read) == sum(record["split"] == side for record in records)
        for name in HARD:
            assert read.class_to_idx[index[name]["folder"]] == index[name]["reader_index"]


def test_only_class_folders_and_splits_hold_pictures(dataset: Callable) -> None:
    from protolabel.plots import save_plots

    folder = dataset()
    save_plots(folder)
    holds = {path.relative_to(folder).parts[0] for path in folder.rglob("*.png")}
    assert holds == {"splits", *read_metadata(folder)["class_folders"]}


@pytest.mark.parametrize("root", [".", "splits"])
def test_imagefolder_of_datasets_reads_the_splits_as_they_are(dataset: Callable, root: str) -> None:
    datasets = pytest.importorskip("datasets")
    folder = dataset()
    read = datasets.load_dataset("imagefolder", data_dir=str(folder / root))
    records = read_metadata(folder)["images"]
    for side, name in (("train", "train"), ("val", "validation"), ("test", "test")):
        mine = {r["source"]: r for r in records if r["split"] == side}
        assert len(read[name]) == len(mine)
        for row in read[name]:
            record = mine[row["source"]]
            assert row["image"].size == (8, 8)
            assert row["label_id"] == HARD.index(record["label"])
            assert row["label"].lstrip("'") == record["label"]
            assert row["agreement"] == pytest.approx(record["agreement"])


def test_pictures_with_extensions_that_readers_pass_over_are_read(
    labelled: Callable, tmp_path: Path
) -> None:
    datasets = pytest.importorskip("torchvision.datasets")
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".gif": "GIF", ".dib": "DIB", "": "WEBP"}
    files = [f"pic{i}{suffix}" for suffix in kinds for i in range(3)]
    case = labelled(["dog"], [15], files)
    for name, kind in zip(files, np.repeat(list(kinds.values()), 3), strict=True):
        Image.new("RGB", (8, 8), (200, 30, 30)).save(case.root / name, format=str(kind))
    for link in ("copy", "hardlink", "symlink"):
        folder = export(
            case.labels, case.images, tmp_path / link, link=link, progress=silent
        ).folder
        read = [
            picture.getpixel((4, 4))
            for side in ("train", "val", "test")
            for picture, _ in datasets.ImageFolder(folder / "splits" / side, allow_empty=True)
        ]
        assert len(read) == 15
        np.testing.assert_allclose(read, [(200, 30, 30)] * 15, atol=8)
        suffixes = {record["file"].rpartition(".")[2] for record in read_metadata(folder)["images"]}
        assert suffixes == {"jpg", "png", "bmp", "webp"}


def test_one_class_number_in_all_files(dataset: Callable) -> None:
    folder = dataset()
    metadata = read_metadata(folder)
    number = metadata["class_index"]
    assert list(number) == list(HARD)
    assert all(record["label_id"] == number[record["label"]] for record in metadata["images"])
    assert len(np.load(folder / "class_prototypes.npy")) == len(number)
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert [int(row["label_id"]) for row in csv.DictReader(file)] == [
            record["label_id"] for record in metadata["images"]
        ]
    reader = metadata["reader_class_index"]
    ordered = sorted(zip(metadata["class_folders"], metadata["classes"], strict=True))
    assert [name for _, name in ordered] == sorted(reader, key=reader.get)


def test_a_spreadsheet_runs_nothing_and_the_text_comes_back(
    dataset: Callable, tmp_path: Path
) -> None:
    from protolabel.evaluation import read_truth

    names = ["=1+1", "@SUM(A1)", "-2", "'=x", "+3"]
    folder = dataset(names=names, files=[f"=cmd|{i}.png" for i in range(40)])
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.reader(file):
            assert not any(cell[:1] in "=+@\t\r" and cell for cell in row)
            assert not any(cell.startswith("-") and not cell[1:].isdigit() for cell in row)
    read = read_truth(folder / "labels.csv")
    records = read_metadata(folder)["images"]
    assert read == {record["source"]: record["label"] for record in records}
