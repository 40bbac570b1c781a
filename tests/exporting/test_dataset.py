from __future__ import annotations

import csv
import errno
import json
import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from protolabel.common.progress import silent
from protolabel.errors import ExportError, InputError, Stopped
from protolabel.exporting import (
    DEFAULT_FORMATS,
    WRITERS,
    Writer,
    describe_formats,
    export,
    read_metadata,
    staging,
)
from protolabel.exporting.names import class_folders
from protolabel.exporting.transfer import not_transferred
from protolabel.exporting.writers import RESERVED_NAMES
from protolabel.images import ImageSet, find_images
from protolabel.refinement.classifier import PrototypeClassifier
from protolabel.refinement.labels import label

if TYPE_CHECKING:
    from collections.abc import Callable


def tree(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder with its bytes, to see that nothing has changed."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def save(case, folder: Path, **options):
    return export(case.labels, case.embedded, folder, progress=silent, **options)


def test_a_dataset_holds_what_its_design_says(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    result = save(case, tmp_path / "out")
    assert result.folder == tmp_path / "out"
    assert result.class_counts == {"dog": 8, "cat": 6, "owl": 4}
    assert sum(result.split_counts.values()) == 18
    assert sorted(path.name for path in result.folder.iterdir()) == [
        "cat", "class_prototypes.npy", "classifier.npz", "dog", "labels.csv", "meta_alignment.npy",
        "metadata.json", "micro_alignment.npy", "owl", "report.txt", "splits",
    ]  # fmt: skip
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".")] == []


def test_metadata_describes_every_image(labelled: Callable, tmp_path: Path) -> None:
    case = labelled(pins={0: 0})
    result = save(case, tmp_path / "out", parameters={"preset": "small", "where": tmp_path})
    metadata = json.loads((result.folder / "metadata.json").read_text(encoding="utf-8"))
    assert next(iter(metadata)) == "generator"
    assert metadata == read_metadata(result.folder)
    assert metadata["class_distribution"] == {"dog": 8, "cat": 6, "owl": 4}
    assert metadata["class_index"] == {"dog": 0, "cat": 1, "owl": 2}
    assert metadata["parameters"]["method"] == "anchored"
    assert metadata["parameters"]["preset"] == "small"
    assert metadata["parameters"]["where"] == str(tmp_path)
    assert metadata["encoder"]["name"] == "fake"
    assert metadata["skipped"] == [{"source": "bad.jpg", "reason": "the file is empty"}]
    assert metadata["prompts"]["dog"] == {"words": ["dog"], "templates": ["a {}"]}
    assert metadata["versions"]["numpy"] == np.__version__
    assert len(metadata["curves"]["churn"]) == len(case.labels.run.iterations)
    assert len(metadata["images"]) == 18
    for index, record in enumerate(metadata["images"]):
        assert record["source"] == case.images.names[index]
        assert record["label"] == case.labels.names[case.labels.label[index]]
        assert record["agreement"] == pytest.approx(case.labels.agreement[index], abs=1e-4)
        assert record["pinned"] is (index == 0)
        assert record["split"] in ("train", "val", "test")
        copied = (result.folder / record["file"]).read_bytes()
        assert copied == case.images.path(index).read_bytes()


def test_a_dataset_is_known_and_left_alone_by_find_images(labelled: Callable) -> None:
    case = labelled()
    save(case, case.root / "dataset")  # a folder inside that of the images is allowed
    assert find_images(case.root).names == tuple(sorted(case.images.names))


def test_equal_exports_are_equal_to_the_byte(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    one, two = (save(case, tmp_path / name).folder for name in ("one", "two"))
    left, right = tree(one), tree(two)
    left.pop("classifier.npz"), right.pop("classifier.npz")  # zip files hold the time
    assert left == right


def test_the_classifier_labels_new_images(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    folder = save(case, tmp_path / "out").folder
    again = PrototypeClassifier.load(folder / "classifier.npz").label(case.embedded.vectors)
    assert again.names == case.labels.names
    np.testing.assert_array_equal(again.label, case.labels.label)
    second = export(again, case.images, tmp_path / "applied", progress=silent)
    metadata = read_metadata(second.folder)
    assert metadata["curves"] is None
    assert metadata["images"][0]["micro_cluster"] is None
    assert not (second.folder / "micro_alignment.npy").exists()


def test_arrays_are_those_of_the_run(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    xy = np.random.default_rng(0).normal(size=(18, 2))
    folder = save(case, tmp_path / "out", projection=xy).folder
    np.testing.assert_allclose(np.load(folder / "map.npy"), xy, rtol=1e-6)
    assert np.load(folder / "prototype_map.npy").shape == (len(case.labels.run.iterations), 3, 2)
    prototypes = np.load(folder / "class_prototypes.npy", allow_pickle=False)
    np.testing.assert_array_equal(prototypes, case.labels.prototypes)
    micro = np.load(folder / "micro_alignment.npy", allow_pickle=False)
    np.testing.assert_array_equal(micro, case.labels.run.micro_alignment)


def test_the_labels_of_an_earlier_iteration_can_be_exported(
    labelled: Callable, tmp_path: Path
) -> None:
    case = labelled()
    folder = export(
        label(case.labels.run, 0), case.embedded, tmp_path / "o", progress=silent
    ).folder
    assert read_metadata(folder)["iteration"] == 0


def test_tables_have_a_row_for_every_image(labelled: Callable, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    case = labelled()
    folder = save(case, tmp_path / "out", formats=[*DEFAULT_FORMATS, "parquet"]).folder
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = parquet.read_table(folder / "labels.parquet").to_pylist()
    records = read_metadata(folder)["images"]
    assert [row["file"] for row in rows] == [row["file"] for row in records]
    assert [row["label"] for row in table] == [row["label"] for row in records]
    assert table[0]["agreement"] == pytest.approx(records[0]["agreement"])


def test_only_what_is_asked_for_is_written(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    result = save(case, tmp_path / "out", formats=["csv"])
    assert sorted(tree(result.folder)) == ["labels.csv", "metadata.json"]
    assert result.split_counts == {}
    assert read_metadata(result.folder)["images"][0]["file"] is None


def test_splits_alone_hold_the_images(labelled: Callable, tmp_path: Path) -> None:
    folder = save(labelled(), tmp_path / "out", formats=["splits"]).folder
    record = read_metadata(folder)["images"][0]
    assert record["file"].startswith(f"splits/{record['split']}/dog/")
    assert (folder / record["file"]).is_file()


def test_a_format_says_everything_about_itself_in_one_place(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_list(job) -> None:
        (job.folder / "list.txt").write_text("\n".join(job.files))

    listing = Writer("list", "File list", "the names of the images", ("list.txt",), write_list,
                     usage="Read list.txt line by line.")  # fmt: skip
    writers = {"list": listing, **WRITERS}
    monkeypatch.setattr("protolabel.exporting.writers.WRITERS", writers)
    assert "list " in describe_formats()
    folder = save(labelled(), tmp_path / "out", formats=["list", "report"]).folder
    report = (folder / "report.txt").read_text()
    assert "  list.txt               the names of the images\n" in report
    assert "  Read list.txt line by line.\n" in report
    assert read_metadata(folder)["contents"] == ["list.txt", "metadata.json", "report.txt"]


@pytest.mark.parametrize("name", WRITERS)
def test_every_format_is_described_and_its_names_are_kept_from_classes(name: str) -> None:
    writer = WRITERS[name]
    assert writer.name == name
    assert writer.title
    assert writer.description
    assert f"{name} " in describe_formats()
    assert writer.description in export.__doc__
    for file in writer.files:
        assert class_folders([file.rstrip("/")], RESERVED_NAMES) != (file.rstrip("/"),)


def test_the_report_lists_what_is_there_and_nothing_else(
    labelled: Callable, tmp_path: Path
) -> None:
    case = labelled()
    xy = np.random.default_rng(0).normal(size=(18, 2))
    with_map = save(case, tmp_path / "a", projection=xy).folder
    without = save(case, tmp_path / "b").folder
    for folder in (with_map, without):
        listed = (folder / "report.txt").read_text().partition("In this folder")[2]
        listed = listed.partition("Use it")[0]
        for path in folder.iterdir():
            assert path.is_dir() or path.name in listed, path.name
    assert "replay.html" in (with_map / "report.txt").read_text()
    assert "replay.html" not in (without / "report.txt").read_text()


def test_a_writer_is_one_entry_in_the_registry(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_replay(job) -> None:
        (job.folder / "replay.html").write_text(f"{len(job)} images")

    monkeypatch.setattr(
        "protolabel.exporting.writers.WRITERS",
        {**WRITERS, "replay": replace(WRITERS["replay"], write=write_replay)},
    )
    folder = save(labelled(), tmp_path / "out", formats=["replay"]).folder
    assert (folder / "replay.html").read_text() == "18 images"
    assert "replay.html" in read_metadata(folder)["contents"]


# Splits on disk


def test_splits_share_the_bytes_of_the_class_folders(labelled: Callable, tmp_path: Path) -> None:
    folder = save(labelled(), tmp_path / "out").folder
    records = read_metadata(folder)["images"]
    for record in records:
        twin = folder / "splits" / record["split"] / record["file"]
        assert twin.samefile(folder / record["file"])
    on_disk = [path for path in (folder / "splits").glob("*/*/*") if path.is_file()]
    assert len(on_disk) == len(records)


def test_every_side_has_the_same_class_folders(labelled: Callable, tmp_path: Path) -> None:
    folder = save(labelled(["dog", "cat", "absent", "owl"], [8, 2, 0, 1]), tmp_path / "out").folder
    for side in ("train", "val", "test"):
        inside = (folder / "splits" / side).iterdir()
        names = sorted(path.name for path in inside if path.is_dir())
        assert names == ["cat", "dog", "owl"]
    index = json.loads((folder / "splits" / "class_index.json").read_text(encoding="utf-8"))
    assert index["classes"]["owl"] == {"index": 3, "folder": "owl", "reader_index": 2}
    assert index["classes"]["absent"]["reader_index"] is None
    with (folder / "splits" / "splits.csv").open(encoding="utf-8", newline="") as file:
        assert all((folder / row["file"]).is_file() for row in csv.DictReader(file))


def test_near_duplicates_and_equal_files_stay_on_one_side(
    labelled: Callable, tmp_path: Path
) -> None:
    case = labelled(["dog", "cat"], [30, 30])
    vectors = case.embedded.vectors.copy()
    vectors[1] = vectors[0]
    first = case.images.path(2).read_bytes()
    case.images.path(3).write_bytes(first)
    embedded = replace(case.embedded, vectors=vectors)
    for seed in range(5):
        out = tmp_path / f"out{seed}"
        result = export(case.labels, embedded, out, seed=seed, progress=silent)
        records = read_metadata(out)["images"]
        assert records[0]["split"] == records[1]["split"]
        assert records[2]["split"] == records[3]["split"]
        assert records[0]["near_duplicates"] == records[1]["near_duplicates"] is not None
        assert result.near_duplicates == 4


def test_groups_that_a_person_names_stay_on_one_side(labelled: Callable, tmp_path: Path) -> None:
    files = [f"shoot{i // 4}/img{i:03}.png" for i in range(80)]
    case = labelled(["dog", "cat"], [40, 40], files)
    folder = save(case, tmp_path / "out", groups=r"shoot\d+/").folder
    sides: dict[str, set[str]] = {}
    for record in read_metadata(folder)["images"]:
        sides.setdefault(record["source"].partition("/")[0], set()).add(record["split"])
    assert len(sides) == 20
    assert all(len(one) == 1 for one in sides.values())
    with pytest.raises(InputError, match="regular expression"):
        save(case, tmp_path / "out2", groups="(")


def test_a_folder_that_grows_keeps_its_sides(labelled: Callable, tmp_path: Path) -> None:
    case = labelled(["dog", "cat"], [30, 30])
    less = case.images.take(range(59))
    before = export(
        label_subset(case.labels, 59), less, tmp_path / "a", formats=["splits"], progress=silent
    ).folder
    after = export(
        case.labels, case.images, tmp_path / "b", formats=["splits"], progress=silent
    ).folder
    old, new = (read_metadata(folder)["images"] for folder in (before, after))
    moved = [a["source"] for a, b in zip(old, new, strict=False) if a["split"] != b["split"]]
    assert len(moved) <= 1


# Links


def test_copies_keep_bytes_times_and_permissions(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    source = case.images.path(0)
    os.utime(source, (1_000_000_000, 1_000_000_000))
    source.chmod(0o640)
    folder = save(case, tmp_path / "out").folder
    copy = folder / read_metadata(folder)["images"][0]["file"]
    assert copy.stat().st_mtime == 1_000_000_000
    assert copy.stat().st_mode & 0o777 == 0o640
    copy.write_bytes(b"changed")
    assert source.read_bytes() != b"changed"


def test_hard_links_are_the_same_file(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    linked = case.root / "zz.png"
    linked.symlink_to(case.images.path(0))
    images = replace(case.images, names=(*case.images.names[:-1], "zz.png"))
    folder = export(case.labels, images, tmp_path / "o", link="hardlink", progress=silent).folder
    records = read_metadata(folder)["images"]
    assert (folder / records[0]["file"]).samefile(case.images.path(0))
    assert not (folder / records[-1]["file"]).is_symlink()


def test_symbolic_links_survive_a_move_of_the_dataset(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    folder = save(case, tmp_path / "out", link="symlink").folder.rename(tmp_path / "moved")
    record = read_metadata(folder)["images"][0]
    for path in (folder / record["file"], folder / "splits" / record["split"] / record["file"]):
        assert path.is_symlink()
        assert path.samefile(case.images.path(0))


def test_a_hard_link_to_another_disk_is_a_clear_error(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args, **kwargs):
        raise OSError(18, "Invalid cross-device link")

    case = labelled()
    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(ExportError, match=r'within one disk.*link="copy"'):
        save(case, tmp_path / "out", link="hardlink")
    assert not (tmp_path / "out").exists()
    # Without hard links the splits fall back to relative links, and last to copies.
    folder = save(case, tmp_path / "linked").folder
    record = read_metadata(folder)["images"][0]
    twin = folder / "splits" / record["split"] / record["file"]
    assert twin.is_symlink()
    assert not twin.readlink().is_absolute()
    monkeypatch.setattr(Path, "symlink_to", refuse)
    folder = save(case, tmp_path / "copied").folder
    twin = folder / "splits" / record["split"] / record["file"]
    assert twin.read_bytes() == case.images.path(0).read_bytes()


def label_subset(labels, count: int):
    rows = (
        "label", "agreement", "margin", "runner_up", "further", "further_agreement", "pinned",
        "unfit",
    )  # fmt: skip
    return replace(labels, run=None, **{name: getattr(labels, name)[:count] for name in rows})


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
def test_a_file_that_is_no_image_is_never_exported(
    labelled: Callable, tmp_path: Path, link: str
) -> None:
    case = labelled()
    (case.root / "id_rsa").write_text("PRIVATE KEY")
    images = ImageSet(case.root, (*case.images.names[:-1], "id_rsa"))
    with pytest.raises(ExportError, match=r"id_rsa.*not an image"):
        export(case.labels, images, tmp_path / "out", link=link, progress=silent)
    assert not (tmp_path / "out").exists()


# Whole or not at all


def test_a_missing_source_leaves_no_trace(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    case.images.path(9).unlink()
    before = tree(tmp_path)
    with pytest.raises(ExportError, match=r"img009\.png.*Nothing was exported"):
        save(case, tmp_path / "deep" / "er" / "out")
    assert tree(tmp_path) == before


@pytest.mark.parametrize(
    "phase", ["looking for duplicates", "exporting images", "exporting splits"]
)
def test_a_stop_leaves_no_trace(labelled: Callable, tmp_path: Path, phase: str) -> None:
    case = labelled()
    before = tree(tmp_path)

    def stop(now: str, done: int, total: int) -> None:
        if now == phase and done > 0:
            raise Stopped("enough")

    with pytest.raises(Stopped):
        export(case.labels, case.embedded, tmp_path / "out", progress=stop)
    assert tree(tmp_path) == before


def test_a_failing_writer_leaves_the_earlier_dataset(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = labelled()
    save(case, tmp_path / "out")
    before = tree(tmp_path)

    def fail(job) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(
        "protolabel.exporting.writers.WRITERS",
        {**WRITERS, "report": replace(WRITERS["report"], write=fail)},
    )
    with pytest.raises(KeyboardInterrupt):
        save(case, tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == before


def test_a_failing_rename_puts_the_earlier_dataset_back(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = labelled()
    save(case, tmp_path / "out")
    before = tree(tmp_path)
    real = staging.move_new

    def move_once(source: Path, target: Path) -> None:
        if source.name == staging.NEW:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(staging, "move_new", move_once)
    with pytest.raises(ExportError, match="still there"):
        save(case, tmp_path / "out", overwrite=True)
    assert tree(tmp_path) == before


def test_a_full_disk_is_a_clear_error(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("protolabel.exporting.transfer.shutil.copy2", full)
    with pytest.raises(ExportError, match="disk is full"):
        save(labelled(), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("link", ["copy", "hardlink", "symlink"])
@pytest.mark.parametrize(
    ("number", "advice"),
    [
        (errno.EDQUOT, "The disk is full"),
        (errno.EFBIG, "a disk that takes larger files"),
        (errno.EROFS, "a disk that can be written"),
        (errno.ENAMETOOLONG, "choose a shorter name"),
        (errno.EMFILE, "raise the limit"),
        (errno.ENOENT, "Put the file back"),
    ],
)
def test_a_place_that_cannot_be_written_is_not_taken_for_a_missing_image(
    number: int, advice: str, link: str
) -> None:
    said = not_transferred("dog.jpg", link, OSError(number, os.strerror(number)))
    assert advice in said
    assert ("Put the file back" in said) is (number == errno.ENOENT)


@pytest.mark.skipif(sys.platform != "linux", reason="sets a limit of the process")
def test_a_file_that_is_too_large_for_its_disk_is_a_clear_error(
    labelled: Callable, tmp_path: Path
) -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    case = labelled()
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(ExportError, match=r"File too large: choose .* takes larger files"):
            save(case, tmp_path / "out")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert not (tmp_path / "out").exists()


# What is never replaced


def test_an_empty_folder_is_used(labelled: Callable, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert save(labelled(), tmp_path / "out").n_images == 18


def test_a_link_to_a_folder_stands_for_that_folder(labelled: Callable, tmp_path: Path) -> None:
    (tmp_path / "disk" / "out").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "disk" / "out")
    assert save(labelled(), tmp_path / "out").folder == tmp_path / "disk" / "out"
    assert (tmp_path / "out").is_symlink()


def test_an_earlier_dataset_is_replaced_only_on_request(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    save(case, tmp_path / "out")
    (tmp_path / "out" / "plots").mkdir()
    (tmp_path / "out" / "plots" / "map.png").write_bytes(b"ours too")
    with pytest.raises(ExportError, match="overwrite=True"):
        save(case, tmp_path / "out")
    save(case, tmp_path / "out", overwrite=True, formats=["csv"])
    assert sorted(tree(tmp_path / "out")) == ["labels.csv", "metadata.json"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


@pytest.mark.parametrize(
    "mark", [None, b"{}", b'{"generator": "other"}', b'["protolabel"]', b"\xff"]
)
def test_a_folder_of_somebody_else_is_never_replaced(
    labelled: Callable, tmp_path: Path, mark: bytes | None
) -> None:
    case = labelled()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    if mark is not None:
        (tmp_path / "mine" / "metadata.json").write_bytes(mark)
    before = tree(tmp_path)
    with pytest.raises(ExportError, match="never replaced"):
        save(case, tmp_path / "mine", overwrite=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["notes.txt", "dog/new.png", "splits/train/dog/new.png", "x/y"])
def test_files_put_into_a_dataset_are_not_destroyed(
    labelled: Callable, tmp_path: Path, place: str
) -> None:
    case = labelled()
    folder = save(case, tmp_path / "out").folder
    (folder / place).parent.mkdir(exist_ok=True)
    (folder / place).write_bytes(b"mine")
    with pytest.raises(ExportError, match=f"'{place}'"):
        save(case, folder, overwrite=True)
    assert (folder / place).read_bytes() == b"mine"


def test_a_file_is_no_folder(labelled: Callable, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"file")
    with pytest.raises(ExportError, match="is a file"):
        save(labelled(), tmp_path / "out", overwrite=True)


@pytest.mark.parametrize(
    ("place", "says"),
    [
        ("https://example.org/data", "the URL 'https://example.org/data'"),
        ("x" * 300, "too long"),
        ("notes.txt/out", "Not a directory"),
    ],
)
def test_what_no_folder_can_be_called_is_refused(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str, says: str
) -> None:
    case = labelled()
    (tmp_path / "notes.txt").write_bytes(b"file")
    monkeypatch.chdir(tmp_path)
    before = tree(tmp_path)
    with pytest.raises(ExportError, match=says):
        save(case, place)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("place", ["photos", ".", "photos/../photos"])
def test_the_folder_of_the_images_is_no_place_for_a_dataset(
    labelled: Callable, tmp_path: Path, place: str
) -> None:
    case = labelled()
    with pytest.raises(ExportError, match="folder of the images"):
        save(case, tmp_path / place, overwrite=True)


@pytest.mark.parametrize("link", ["copy", "symlink"])
def test_a_dataset_that_holds_the_images_is_not_replaced(
    labelled: Callable, tmp_path: Path, link: str
) -> None:
    case = labelled()
    folder = save(case, tmp_path / "out", link=link).folder
    names = tuple(f"out/{record['file']}" for record in read_metadata(folder)["images"])
    inside = ImageSet(tmp_path, names)  # labelled again from inside the dataset
    before = tree(tmp_path)
    with pytest.raises(ExportError, match="images that are to be exported"):
        export(case.labels, inside, folder, overwrite=True, progress=silent)
    (tmp_path / "links").mkdir()
    for index, name in enumerate(names):
        (tmp_path / "links" / f"{index:03}.png").symlink_to(tmp_path / name)
    if link == "copy":  # a folder of links to it holds them just as well
        linked = find_images(tmp_path / "links")
        with pytest.raises(ExportError, match="images that are to be exported"):
            export(case.labels, linked, folder, overwrite=True, progress=silent)
    assert {name: tree(tmp_path)[name] for name in before} == before


# Hostile names


def test_hostile_class_names_stay_inside_the_folder(labelled: Callable, tmp_path: Path) -> None:
    names = ["../../etc", "CON", "a/b", "fox 🦊", "a\\b", "splits", "metadata.json", "..."]
    folder = save(labelled(names, [1] * 8), tmp_path / "out").folder
    metadata = read_metadata(folder)
    assert metadata["classes"] == names
    assert metadata["class_folders"] == [
        "_.._etc", "_CON", "a_b", "fox 🦊", "a_b_2", "splits_2", "metadata_2.json", "class",
    ]  # fmt: skip
    for record in metadata["images"]:
        assert (folder / record["file"]).resolve().is_relative_to(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "photos"]


def test_same_names_in_subfolders_and_bytes_that_are_no_text(
    labelled: Callable, tmp_path: Path
) -> None:
    files = ["a/x.png", "b/x.png", "c/caf\udce9.png", 'd/"q", $x$.png']
    try:
        case = labelled(["dog", "cat"], [4, 0], files)
    except OSError:
        pytest.skip("this disk takes only names that are text")
    folder = save(case, tmp_path / "out", formats=[*DEFAULT_FORMATS, "parquet"]).folder
    records = read_metadata(folder)["images"]
    assert [record["source"] for record in records] == files
    exported = ["dog/x.png", "dog/x_2.png", "dog/caf_.png", "dog/_q_, $x$.png"]
    assert [record["file"] for record in records] == exported
    with (folder / "labels.csv").open(encoding="utf-8", newline="") as file:
        assert [row["source"] for row in csv.DictReader(file)][2:] == ["c/caf\\udce9.png", files[3]]
    assert "caf" in (folder / "report.txt").read_text(encoding="utf-8")


# Arguments


def test_a_length_mismatch_says_what_to_pass(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    with pytest.raises(InputError, match="pass the Embeddings"):
        export(case.labels, case.images.take(range(17)), tmp_path / "out")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"formats": ["folders", "yolo"]}, "got 'yolo'"),
        ({"link": "teleport"}, "copy, hardlink, symlink"),
        ({"shares": (0.5, 0.2, 0.2)}, "sum to 1"),
        ({"projection": np.zeros((3, 2))}, r"\(18, 2\)"),
        ({"prototype_map": np.zeros((3, 2, 2))}, "prototype_map"),
        ({"projection": [["a", "b"]]}, "array of numbers"),
        ({"formats": 5}, "names of formats"),
        ({"formats": [5, "csv"]}, "got 5"),
        ({"formats": [["csv"]]}, "names of formats"),
        ({"link": []}, "copy, hardlink, symlink"),
        ({"seed": -1}, "whole number"),
        ({"seed": "x"}, "whole number"),
        ({"seed": 1.5}, "whole number"),
    ],
)
def test_arguments_are_checked_before_anything_is_written(
    labelled: Callable, tmp_path: Path, options: dict, message: str
) -> None:
    case = labelled()
    with pytest.raises(InputError, match=message):
        save(case, tmp_path / "out", **options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("place", "error"), [(5, InputError), (None, InputError), ("a\0b", ExportError)]
)
def test_what_is_no_path_is_refused(labelled: Callable, place: object, error: type) -> None:
    with pytest.raises(error, match="folder"):
        save(labelled(), place)


def test_parquet_without_pyarrow_names_the_extra(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(InputError, match=r"pip install 'protolabel\[formats\]'"):
        save(labelled(), tmp_path / "out", formats=["parquet"])


def test_a_folder_that_is_no_dataset_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="an export wrote"):
        read_metadata(tmp_path)
    (tmp_path / "metadata.json").write_text('{"generator": "protolabel", "format": 99}')
    with pytest.raises(ExportError, match="update protolabel"):
        read_metadata(tmp_path)


def test_one_image_of_one_class(labelled: Callable, tmp_path: Path) -> None:
    result = save(labelled(["dog"], [1]), tmp_path / "out")
    assert result.split_counts == {"train": 1, "val": 0, "test": 0}


def test_pictures_are_untouched(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    before = tree(case.root)
    save(case, tmp_path / "out")
    assert tree(case.root) == before
    with Image.open(case.images.path(0)) as image:
        image.load()


def set_aside(case, images: list[int]):
    mask = np.zeros(len(case.labels), dtype=bool)
    mask[images] = True
    return replace(case, labels=case.labels.set_aside(mask))


ALL = tuple(WRITERS)


def test_images_that_fit_no_name_have_a_folder_of_their_own(labelled: Callable, tmp_path: Path):
    case = set_aside(labelled(), [0, 5, 9, 17])
    pytest.importorskip("pyarrow")
    result = save(case, tmp_path / "out", formats=ALL)
    assert result.class_counts == {"dog": 6, "cat": 5, "owl": 3}
    assert result.none_of_these == 4
    assert sum(result.split_counts.values()) == 14
    apart = sorted(path.name for path in (result.folder / "splits/none_of_these").iterdir())
    assert apart == ["img000.png", "img005.png", "img009.png", "img017.png"]
    assert len(list((result.folder / "dog").iterdir())) == 6
    in_splits = {path.name for path in (result.folder / "splits").glob("*/*/*.png")}
    assert len(in_splits) == 14
    assert not in_splits & set(apart)
    with (result.folder / "splits" / "splits.csv").open() as file:
        assert len(list(csv.DictReader(file))) == 14


def test_tables_keep_the_best_label_of_an_image_that_fits_no_name(labelled: Callable, tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    case = set_aside(labelled(), [0, 5, 9, 17])
    folder = save(case, tmp_path / "out", formats=ALL).folder
    metadata = read_metadata(folder)
    assert metadata["none_of_these"] == {"images": 4, "folder": "splits/none_of_these"}
    assert metadata["class_distribution"] == {"dog": 6, "cat": 5, "owl": 3}
    sides = [record["split"] for record in metadata["images"]]
    assert metadata["splits"]["counts"] == {s: sides.count(s) for s in ("train", "val", "test")}
    assert sides.count(None) == 4
    record = metadata["images"][9]
    assert record["label"] == "cat"
    assert record["none_of_these"] is True
    assert record["split"] is None
    assert record["file"] == "splits/none_of_these/img009.png"
    assert record["agreement"] > 0.5
    assert metadata["images"][1]["none_of_these"] is False
    with (folder / "labels.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [i for i, row in enumerate(rows) if row["none_of_these"] == "True"] == [0, 5, 9, 17]
    table = parquet.read_table(folder / "labels.parquet").to_pydict()
    assert np.flatnonzero(table["none_of_these"]).tolist() == [0, 5, 9, 17]
    assert table["split"][9] is None
    report = (folder / "report.txt").read_text()
    assert "4 images fit none of the names and are set aside" in " ".join(report.split())
    assert "none of these" in report
    assert "none_of_these/" in report


def test_nothing_says_none_of_these_where_nothing_was_set_aside(labelled: Callable, tmp_path):
    folder = save(labelled(), tmp_path / "out").folder
    assert not (folder / "splits/none_of_these").exists()
    for name in ("metadata.json", "labels.csv", "report.txt", "splits/splits.csv"):
        assert "none_of_these" not in (folder / name).read_text()


def test_a_class_may_be_called_none_of_these(labelled: Callable, tmp_path: Path) -> None:
    case = set_aside(labelled(["None_of_these", "cat"], [4, 4]), [0, 5])
    folder = save(case, tmp_path / "out").folder
    assert len(list((folder / "None_of_these").iterdir())) == 3
    assert len(list((folder / "splits/none_of_these").iterdir())) == 2
    assert read_metadata(folder)["none_of_these"]["folder"] == "splits/none_of_these"


def test_every_image_may_fit_no_name(labelled: Callable, tmp_path: Path) -> None:
    case = set_aside(labelled(["dog", "cat"], [3, 3]), list(range(6)))
    result = save(case, tmp_path / "out")
    assert result.class_counts == {"dog": 0, "cat": 0}
    assert result.split_counts == {"train": 0, "val": 0, "test": 0}
    assert not (result.folder / "dog").exists()


def test_only_splits_are_written_without_the_images_that_fit_no_name(labelled: Callable, tmp_path):
    case = set_aside(labelled(), [0, 5])
    folder = save(case, tmp_path / "out", formats=["splits"]).folder
    assert len(list((folder / "splits").rglob("*.png"))) == 16
    assert not (folder / "splits/none_of_these").exists()
    assert read_metadata(folder)["images"][0]["file"] is None


def test_a_file_of_somebody_else_among_them_is_not_lost(labelled: Callable, tmp_path: Path) -> None:
    case = set_aside(labelled(), [0, 5])
    folder = save(case, tmp_path / "out").folder
    save(case, folder, overwrite=True)
    (folder / "splits/none_of_these/mine.txt").write_text("mine")
    with pytest.raises(ExportError, match=r"splits/none_of_these/mine\.txt"):
        save(case, folder, overwrite=True)


def test_pictures_count_only_what_is_in_a_class(labelled: Callable, tmp_path: Path) -> None:
    from protolabel.plots import save_plots

    case = set_aside(labelled(), [0, 1, 2, 3, 4, 5, 6, 7])
    for formats in (DEFAULT_FORMATS, ["splits"]):
        folder = save(case, tmp_path / "out", formats=formats, overwrite=True).folder
        assert len(save_plots(folder, tmp_path / "plots")) >= 3
