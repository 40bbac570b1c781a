"""Datasets of strangers, and damaged ones."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure

from protolabel.common.progress import silent
from protolabel.errors import ExportError
from protolabel.evaluation import Audit
from protolabel.exporting import evaluate_dataset, export, read_metadata, record_audit
from protolabel.exporting.existing import METADATA, is_ours
from protolabel.plots import save_plots

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ALL_PLOTS = {
    "class_counts", "agreement", "micro_alignment", "meta_alignment", "map", "convergence",
    "contact_sheet",
}  # fmt: skip


@pytest.fixture
def dataset(labelled: Callable, tmp_path: Path) -> Path:
    case = labelled()
    xy = np.random.default_rng(0).normal(size=(18, 2))
    return export(
        case.labels, case.embedded, tmp_path / "out", projection=xy, progress=silent
    ).folder


def change(folder: Path, *keys: Any, to: Any) -> None:
    metadata = place = json.loads((folder / "metadata.json").read_text("utf-8"))
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    (folder / "metadata.json").write_text(json.dumps(metadata), "utf-8")


@pytest.mark.parametrize(
    ("keys", "value"),
    [
        (["classes"], None),
        (["classes"], ["dog", "dog", "owl"]),
        (["classes"], 7),
        (["class_index"], {"dog": 10**9}),
        (["images"], {}),
        (["images", 3], []),
        (["images", 3, "label"], "wolf"),
        (["images", 3, "label"], []),
        (["images", 3, "agreement"], "much"),
        (["images", 3, "agreement"], float("nan")),
        (["images", 3, "file"], "/etc/passwd"),
        (["images", 3, "file"], "../../secret.png"),
        (["images", 3, "file"], "C:\\secret.png"),
        (["images", 3, "file"], None),  # an image in a split has a file
        (["images", 3, "pinned"], 2),
        (["class_folders"], ["..", "a", "b"]),
        (["contents"], [1]),
        (["curves"], []),
        (["curves", "churn"], [1]),
        (["curves", "class_mass", 0], [1, "x", 2]),
        (["iteration"], "last"),
        (["none_of_these"], "x"),
    ],
)
def test_what_an_export_never_wrote_is_an_error_and_says_what(
    dataset: Path, keys: list, value: object
) -> None:
    change(dataset, *keys, to=value)
    for read in (read_metadata, save_plots, lambda folder: evaluate_dataset(folder, {"a": "dog"})):
        with pytest.raises(ExportError, match="sound dataset"):
            read(dataset)


def test_an_audit_is_not_recorded_among_numbers_that_are_not_finite(dataset: Path) -> None:
    audit = Audit(("dog", "cat"), np.zeros(4, np.int32), np.ones(4), 2)
    audit.confirm(int(audit.images[0]))
    change(dataset, "seed", to=float("inf"))
    before = (dataset / METADATA).read_bytes()
    with pytest.raises(ExportError, match="finite numbers"):
        record_audit(dataset, audit.estimate())
    assert (dataset / METADATA).read_bytes() == before


@pytest.mark.parametrize("key", ["classes", "class_index", "images"])
def test_a_part_that_is_missing_is_an_error(dataset: Path, key: str) -> None:
    metadata = json.loads((dataset / "metadata.json").read_text("utf-8"))
    del metadata[key]
    (dataset / "metadata.json").write_text(json.dumps(metadata), "utf-8")
    with pytest.raises(ExportError, match=key):
        read_metadata(dataset)


@pytest.mark.parametrize("content", ["[" * 200_000, '{"a":' * 100_000, "\x00", '{"generator"', ""])
def test_deep_or_broken_json_is_an_error(tmp_path: Path, content: str) -> None:
    (tmp_path / "metadata.json").write_text(content)
    with pytest.raises(ExportError, match="an export wrote"):
        read_metadata(tmp_path)
    assert not is_ours(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes here")
@pytest.mark.timeout(120)  # a pipe would be waited for without end
def test_a_pipe_is_not_waited_for(dataset: Path, tmp_path: Path) -> None:
    (dataset / "map.npy").unlink()
    os.mkfifo(dataset / "map.npy")
    assert "map" not in {path.stem for path in save_plots(dataset)}
    os.mkfifo(tmp_path / "metadata.json")
    with pytest.raises(ExportError, match="an export wrote"):
        read_metadata(tmp_path)
    assert not is_ours(tmp_path)


@pytest.mark.parametrize("name", ["map.npy", "prototype_map.npy", "micro_alignment.npy"])
@pytest.mark.parametrize("value", ["huge", "text", "object", "shape", "cut"])
def test_pictures_of_a_damaged_array_are_left_out(
    dataset: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    # What is drawn is asked here, not how it looks: rendering takes most of the time.
    monkeypatch.setattr(Figure, "savefig", lambda self, file, **_: file.write(b"PNG"))
    path = dataset / name
    if value == "huge":
        with path.open("wb") as file:
            head = {"descr": "<f4", "fortran_order": False, "shape": (10**12, 2)}
            np.lib.format.write_array_header_1_0(file, head)
    elif value == "text":
        path.write_text("no numbers")
    elif value == "object":
        np.save(path, np.array([{}, []], dtype=object), allow_pickle=True)
    elif value == "shape":
        np.save(path, np.zeros((2, 7, 5), np.float32))
    else:
        path.write_bytes(path.read_bytes()[:90])
    drawn = {path.stem for path in save_plots(dataset)}
    assert drawn == ALL_PLOTS - {path.stem}


@given(st.data())
@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_flipped_bytes_are_read_or_an_error(dataset: Path, data: st.DataObject) -> None:
    path = dataset / "metadata.json"
    before = path.read_bytes()
    content = bytearray(before)
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        path.write_bytes(content)
        read_metadata(dataset)
    except ExportError:
        pass
    finally:
        path.write_bytes(before)


def test_pictures_of_a_dataset_among_the_images_are_no_images(labelled: Callable) -> None:
    from protolabel.images import find_images

    case = labelled()
    folder = export(case.labels, case.embedded, case.root / "dataset", progress=silent).folder
    pictures = save_plots(folder)
    assert {picture.parent for picture in pictures} == {case.root / "dataset_plots"}
    assert save_plots(folder) == pictures
    assert find_images(case.root).names == tuple(sorted(case.images.names))
    with pytest.raises(ExportError):
        export(case.labels, case.embedded, case.root / "dataset_plots", overwrite=True)


@pytest.mark.parametrize("bit", range(0, 8, 3))
def test_a_flipped_bit_in_a_record_is_found(dataset: Path, bit: int) -> None:
    path = dataset / METADATA
    content = bytearray(path.read_bytes())
    place = content.index(b'"agreement": 0.') + len(b'"agreement": 0.')
    content[place] = ord("3") if content[place] != ord("3") else ord("4") + bit % 2
    path.write_bytes(content)
    with pytest.raises(ExportError, match="damaged or changed"):
        read_metadata(dataset)


def test_metadata_that_a_program_wrote_anew_is_read(dataset: Path) -> None:
    about = read_metadata(dataset)
    (dataset / METADATA).write_text(json.dumps({**about, "note": "mine"}))
    assert read_metadata(dataset)["note"] == "mine"
