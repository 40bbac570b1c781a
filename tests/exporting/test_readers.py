"""Exports opened by the programs that people train with."""

from __future__ import annotations

import csv
import json
import os
import subprocess
from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from protolabel.common.progress import silent
from protolabel.errors import ExportError, InputError
from protolabel.exporting import WRITERS, export, read_label_studio, read_metadata

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HARD = ("train", "test tube", "fox 🦊", "=1+1")
"""Class names that readers and spreadsheets stumble over."""


SIDES = ("train", "val", "test")
FOLDERS = ["Test tube", "Train", "_=1+1", "fox 🦊"]
"""The class folders of these, as every reader sorts them."""


def reader(module: str) -> Any:
    """Import a reader; where it is not installed the test is skipped, except in continuous tests.

    `pip install '.[readers]'` and `pip install --no-deps -r .ci/readers.txt` install all of them
    but fastai, fiftyone and datumaro.
    """
    if os.environ.get("PROTOLABEL_READER_TESTS"):
        return import_module(module)
    return pytest.importorskip(module)


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


@pytest.fixture
def hostile(labelled: Callable, tmp_path: Path) -> Path:
    """An export of files with names that hurt: equal ones, odd extensions, emoji, split words."""
    kinds = {".jfif": "JPEG", ".gif": "GIF", ".png": "PNG", ".jpe": "JPEG"}
    stems = ("same", "train", "test tube", "fuchs 🦊")
    files = [f"{folder}/{stem}{suffix}" for folder in "ab" for stem in stems for suffix in kinds]
    case = labelled(HARD, [8] * 4, sorted(files))
    for name in files:
        pixels = np.random.default_rng(len(name)).integers(0, 255, (40, 40, 3), dtype=np.uint8)
        kind = kinds["." + name.rpartition(".")[2]]
        Image.fromarray(pixels).save(case.root / name, format=kind)
    return export(case.labels, case.images, tmp_path / "out", progress=silent).folder


def counts_of(folder: Path) -> dict[str, int]:
    records = read_metadata(folder)["images"]
    return {side: sum(record["split"] == side for record in records) for side in SIDES}


def test_timm_reads_the_splits(hostile: Path) -> None:
    data = reader("timm.data")
    for side, split in zip(SIDES, ("train", "validation", "test"), strict=True):
        read = data.create_dataset("", root=str(hostile / "splits"), split=split)
        assert len(read) == counts_of(hostile)[side]
        assert sorted(read.reader.class_to_idx) == FOLDERS
        assert read[0][0].size == (40, 40)


def test_keras_reads_the_splits(hostile: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    keras = reader("keras")
    reader("grain")
    for side in ("train", "val"):
        read = keras.utils.image_dataset_from_directory(
            str(hostile / "splits" / side), image_size=(16, 16), batch_size=4, format="grain",
            verbose=False,
        )  # fmt: skip
        assert read.class_names == FOLDERS
        assert sum(len(labels) for _, labels in read) == counts_of(hostile)[side]


def test_ultralytics_reads_the_splits_and_what_it_writes_is_replaced(
    hostile: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("YOLO_CONFIG_DIR", str(tmp_path / "yolo"))
    monkeypatch.setenv("YOLO_OFFLINE", "true")
    dataset = reader("ultralytics.data.dataset")
    check = reader("ultralytics.data.utils").check_cls_dataset
    assert check(str(hostile / "splits"))["names"] == dict(enumerate(FOLDERS))
    options = reader("ultralytics.cfg").get_cfg()
    options.imgsz = 32
    for side in SIDES:
        read = dataset.ClassificationDataset(str(hostile / "splits" / side), options)
        assert len(read) == counts_of(hostile)[side]
        assert read[0]["img"].shape == (3, 32, 32)
    assert list((hostile / "splits").glob("*.cache"))  # beside the pictures, unasked
    from protolabel.exporting.existing import check_replaceable
    from protolabel.images import find_images

    check_replaceable(hostile, find_images(tmp_path / "photos"))


def test_fastai_reads_the_splits(hostile: Path) -> None:
    vision = pytest.importorskip("fastai.vision.all")
    loaders = vision.ImageDataLoaders.from_folder(
        hostile / "splits", train="train", valid="val", item_tfms=vision.Resize(16), bs=4
    )
    assert list(loaders.vocab) == FOLDERS
    assert len(loaders.train_ds) == counts_of(hostile)["train"]
    assert len(loaders.valid_ds) == counts_of(hostile)["val"]


def test_fiftyone_imports_a_side_without_its_database(hostile: Path) -> None:
    importers = pytest.importorskip("fiftyone.utils.data.importers")
    kind = importers.ImageClassificationDirectoryTreeImporter
    with kind(dataset_dir=str(hostile / "splits/train")) as opened:
        read = [label.label for _, _, label in opened]
    assert len(read) == counts_of(hostile)["train"]
    assert sorted(set(read)) == FOLDERS


def test_cleanvision_looks_at_every_picture(hostile: Path) -> None:
    cleanvision = reader("cleanvision")
    lab = cleanvision.Imagelab(data_path=str(hostile / "splits/train"))
    lab.find_issues(n_jobs=1, verbose=False)
    assert len(lab.issues) == counts_of(hostile)["train"]


_DATUMARO = """
import json, sys
import datumaro as dm
from datumaro.plugins.data_formats.imagenet import ImagenetBase
sides = [ImagenetBase(f"{sys.argv[1]}/splits/{side}", subset=side) for side in SIDES]
dataset = dm.Dataset.from_extractors(*sides)
dataset.export(sys.argv[2], "cvat", save_media=True)
again = dm.Dataset.import_from(sys.argv[2], "cvat")
names = [label.name for label in again.categories()[dm.AnnotationType.label]]
print(json.dumps([names, {name: len(items) for name, items in again.subsets().items()},
                  sorted(names[item.annotations[0].label] for item in again)]))
"""


def test_datumaro_reads_the_splits_and_writes_them_for_cvat(hostile: Path, tmp_path: Path) -> None:
    """It pins older versions of pandas and Pillow, so it has an environment of its own."""
    python = os.environ.get("PROTOLABEL_DATUMARO")
    if not python:
        pytest.skip("PROTOLABEL_DATUMARO names no Python with datumaro")
    code = _DATUMARO.replace("SIDES", repr(SIDES))
    done = subprocess.run(
        [python, "-c", code, hostile, tmp_path / "cvat"],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": ""},
    )  # fmt: skip
    names, counts, labels = json.loads(done.stdout.splitlines()[-1])
    assert names == FOLDERS
    assert counts == counts_of(hostile)
    assert labels == sorted(FOLDERS * 8)


def test_duckdb_and_polars_read_the_tables(dataset: Callable) -> None:
    duckdb, polars = reader("duckdb"), reader("polars")
    folder = dataset("csv", "parquet", "huggingface")
    count = f"select label, count(*) from '{folder}/labels.parquet' group by label"
    assert dict(duckdb.sql(count).fetchall()) == dict.fromkeys(HARD, 8)
    images = f"select typeof(any_value(image.bytes)) from '{folder}/huggingface/data/*.parquet'"
    assert duckdb.sql(images).fetchall() == [("BLOB",)]
    table, rows = polars.read_parquet(folder / "labels.parquet"), read_metadata(folder)["images"]
    assert table["source"].to_list() == [record["source"] for record in rows]
    assert polars.read_csv(folder / "labels.csv").shape == table.shape


def test_imagefolder_of_torchvision_reads_every_picture_once(dataset: Callable) -> None:
    datasets = reader("torchvision.datasets")
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
    datasets = reader("datasets")
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
            assert row["runner_up"].lstrip("'") == record["runner_up"]
            assert row["micro_cluster"] == record["micro_cluster"]
            assert row["meta_cluster"] == record["meta_cluster"]


def test_pictures_with_extensions_that_readers_pass_over_are_read(
    labelled: Callable, tmp_path: Path
) -> None:
    datasets = reader("torchvision.datasets")
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".gif": "GIF", ".dib": "BMP", "": "WEBP"}
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


def test_load_dataset_reads_the_parquet_files_with_images_and_class_names(
    dataset: Callable,
) -> None:
    datasets = reader("datasets")
    folder = dataset("huggingface", "splits", files=[f"a/x{i}.png" for i in range(32)])
    read = datasets.load_dataset(str(folder / "huggingface"))
    records = {record["source"]: record for record in read_metadata(folder)["images"]}
    assert set(read) == {"train", "validation", "test"}
    assert sum(len(rows) for rows in read.values()) == 32
    for side, rows in read.items():
        assert rows.features["label"].names == list(HARD)
        for row in rows:
            record = records[row["source"]]
            assert row["image"].size == (8, 8)
            assert HARD[row["label"]] == record["label"]
            assert side.startswith(record["split"])
            assert row["agreement"] == pytest.approx(record["agreement"], abs=1e-4)
            assert HARD[row["runner_up"]] == record["runner_up"]
            assert row["micro_cluster"] == record["micro_cluster"]
            assert row["score_1"] == pytest.approx(record["score_1"], abs=1e-4)


def test_without_splits_all_images_are_on_one_side(dataset: Callable) -> None:
    datasets = reader("datasets")
    folder = dataset("huggingface", "webdataset")
    read = datasets.load_dataset(str(folder / "huggingface"))
    assert {side: len(rows) for side, rows in read.items()} == {"train": 32}
    assert [path.name for path in (folder / "webdataset").iterdir()] == ["train-000000.tar"]


def test_duckdb_style_readers_find_plain_columns(dataset: Callable) -> None:
    parquet = reader("pyarrow.parquet")
    folder = dataset("huggingface")
    (path,) = (folder / "huggingface" / "data").iterdir()
    table = parquet.read_table(path)
    assert table.schema.field("image").type.field("bytes").type == "binary"
    assert table.column("label").to_pylist() == np.repeat(range(4), 8).tolist()


def test_webdataset_decodes_every_sample(dataset: Callable) -> None:
    webdataset = reader("webdataset")
    folder = dataset("webdataset", "splits")
    records = {record["source"]: record for record in read_metadata(folder)["images"]}
    read = 0
    for side in ("train", "val", "test"):
        shard = folder / "webdataset" / f"{side}-000000.tar"
        samples = webdataset.WebDataset(str(shard), shardshuffle=False).decode("pil")
        for image, number, about in samples.to_tuple("jpg;png", "cls", "json"):
            record = records[about["source"]]
            assert image.size == (8, 8)
            assert number == record["label_id"]
            assert about["label"] == record["label"]
            assert record["split"] == side
            read += 1
    assert read == 32


def test_datasets_reads_the_tar_files_too(dataset: Callable) -> None:
    datasets = reader("datasets")
    folder = dataset("webdataset")
    read = datasets.load_dataset(
        "webdataset", data_files={"train": str(folder / "webdataset" / "train-*.tar")}
    )["train"]
    assert len(read) == 32
    assert {row["cls"] for row in read} == {0, 1, 2, 3}


def test_label_studio_takes_tasks_and_configuration(dataset: Callable) -> None:
    interface = reader("label_studio_sdk.label_interface")
    folder = dataset(
        "folders",
        "label_studio",
        names=("a & <b>", '"quoted"', "hot\u3000dog", "soft\u00adhyphen", *HARD),
    )
    config = interface.LabelInterface((folder / "label_studio/config.xml").read_text("utf-8"))
    config.validate()
    tasks = json.loads((folder / "label_studio/tasks.json").read_text("utf-8"))
    assert len(tasks) == 64
    for task in tasks:
        for prediction in task["predictions"]:
            assert config.validate_prediction(prediction)


def test_label_studio_finds_the_images_and_corrections_come_back(
    labelled: Callable, tmp_path: Path
) -> None:
    from urllib.parse import unquote

    case = labelled(["dog", "cat"], [4, 4], [f"ä {i}.png" for i in range(8)], pins={0: 0})
    folder = export(
        case.labels, case.embedded, tmp_path / "out", formats=["folders", "label_studio"],
        progress=silent,
    ).folder  # fmt: skip
    tasks = json.loads((folder / "label_studio/tasks.json").read_text("utf-8"))
    for task in tasks:
        path = unquote(task["data"]["image"].removeprefix("/data/local-files/?d="))
        assert (folder.parent / path).is_file()
    assert f"DOCUMENT_ROOT={tmp_path} " in (folder / "label_studio/README.txt").read_text()
    # As Label Studio exports it: the first is fixed by hand already, a person corrects the third.
    tasks[2]["annotations"] = [
        {"was_cancelled": True, "result": []},
        {"result": [{"type": "choices", "value": {"choices": ["cat"]}}]},
    ]
    exported = tmp_path / "project.json"
    exported.write_text(json.dumps(tasks))
    assert read_label_studio(exported) == {"ä 0.png": "dog", "ä 2.png": "cat"}
    small = [{"image": "/data/x", "source": "ä 1.png", "label": "cat", "id": 7}]
    exported.write_text(json.dumps(small))
    assert read_label_studio(exported) == {"ä 1.png": "cat"}


@pytest.mark.parametrize("content", ["{}x", '{"a": 1}', "[[]]", '[{"data": {}}]', "[" * 100_000])
def test_what_is_no_export_of_label_studio_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(InputError, match="Label Studio"):
        read_label_studio(tmp_path / "x.json")


def test_mlcroissant_reads_the_table(dataset: Callable) -> None:
    mlcroissant = reader("mlcroissant")
    folder = dataset("croissant", "splits")
    read = mlcroissant.Dataset(folder / "croissant.json")
    assert not read.metadata.issues.errors
    rows = list(read.records("images"))
    records = read_metadata(folder)["images"]
    assert [row["images/label_id"] for row in rows] == [record["label_id"] for record in records]
    assert [row["images/source"].decode() for row in rows] == [
        record["source"] for record in records
    ]


def test_sidecars_are_xml_with_the_class_as_keyword(dataset: Callable) -> None:
    from xml.etree import ElementTree as ET

    names = ("a & <b>", "fox 🦊", "]]>", "hot\u3000dog", "soft\u00adhyphen")
    folder = dataset("xmp", names=names)
    namespaces = {
        "dc": "http://purl.org/dc/elements/1.1/",
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    }
    for record in read_metadata(folder)["images"]:
        tree = ET.fromstring((folder / "xmp" / f"{record['source']}.xmp").read_text())
        (keyword,) = tree.iterfind(".//dc:subject/rdf:Bag/rdf:li", namespaces)
        assert keyword.text == record["label"]


def test_a_dataset_in_all_formats_is_replaced_and_foreign_files_in_it_are_kept(
    labelled: Callable, tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow")
    case, out = labelled(), tmp_path / "out"
    for _ in range(2):
        export(
            case.labels, case.embedded, out, formats=list(WRITERS), overwrite=True, progress=silent
        )
    for place in ("huggingface/data", "webdataset", "label_studio", "xmp/a"):
        mine = out / place / "mine.txt"
        mine.write_text("mine")
        with pytest.raises(ExportError, match=rf"{place}/mine\.txt"):
            export(case.labels, case.embedded, out, overwrite=True, progress=silent)
        mine.unlink()
    export(case.labels, case.embedded, out, overwrite=True, progress=silent)
    assert not (out / "xmp").exists()
