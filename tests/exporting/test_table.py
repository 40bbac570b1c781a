"""The columns of every table: ours, the best classes of an image, and those of the user's table."""

from __future__ import annotations

import csv
import json
import tarfile
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from protolabel.common.progress import silent
from protolabel.errors import InputError
from protolabel.exporting import export, read_metadata
from protolabel.exporting.frame import to_pandas

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

GIVEN: dict[str, tuple[Any, ...]] = {
    "patient": ("007", "x7", *["y"] * 16),
    "age": (70, None, *range(16)),
    "weight": (70.5, float("nan"), *[1.0] * 16),
    "smoker": (True, *[False] * 17),
    "id": (2**40, *range(17)),
    "box": ([1, 2], *[[3]] * 17),
    "label": ("theirs", *["x"] * 17),
    "=note": ("=1+1", *["fine"] * 17),
}


@pytest.fixture
def case(labelled: Callable):
    found = labelled()
    images = replace(found.images, columns=GIVEN)
    return replace(found, embedded=replace(found.embedded, images=images))


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_columns_of_the_users_table_are_in_every_table(case, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    formats = ("csv", "parquet", "splits", "huggingface", "webdataset", "croissant")
    folder = export(
        case.labels, case.embedded, tmp_path / "out", formats=formats, progress=silent
    ).folder
    records = read_metadata(folder)["images"]
    expected = {
        "patient": "007", "age": 70, "weight": 70.5, "smoker": True, "id": 2**40, "box": "[1, 2]",
        "given_label": "theirs", "=note": "=1+1",
    }  # fmt: skip
    assert expected.items() <= records[0].items()
    assert records[1]["age"] is records[1]["weight"] is None
    assert records[0]["label"] == "dog"

    rows = rows_of(folder / "labels.csv")
    assert rows[0]["patient"] == "007"
    assert rows[0]["'=note"] == "'=1+1"
    assert rows[1]["age"] == ""

    table = parquet.read_table(folder / "labels.parquet")
    kinds = {field.name: str(field.type) for field in table.schema}
    assert kinds["age"] == kinds["id"] == "int64"
    assert (kinds["weight"], kinds["smoker"], kinds["patient"]) == ("double", "bool", "string")
    assert expected.items() <= table.to_pylist()[0].items()

    found = [
        row
        for path in sorted((folder / "huggingface/data").glob("*.parquet"))
        for row in parquet.read_table(path).to_pylist()
    ]
    assert len(found) == 18
    (first,) = (row for row in found if row["source"] == records[0]["source"])
    assert {**expected, "given_label": "theirs"}.items() <= first.items()

    described = json.loads((folder / "croissant.json").read_text())["recordSet"][0]["field"]
    types = {field["name"]: field["dataType"] for field in described}
    assert types["images/id"] == "sc:Integer"
    assert types["images/age"] == "sc:Text"  # an empty cell is no number

    heads = rows_of(folder / "splits/train/metadata.csv")[0].keys()
    assert {"smoker", "id", "box", "given_label"} <= heads
    assert not {"age", "weight", "patient"} & heads  # empty cells, or a number here and there


def test_texts_of_the_users_table_are_the_same_in_every_format(labelled, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    names = [f"Screenshot at 1.0{i}\u202fPM\t.png" for i in range(18)]
    found = labelled(files=names)
    notes = ("two\nlines", "全角\u3000スペース", "bytes \udce9", *["x"] * 15)
    images = replace(found.images, columns={"note": notes})
    folder = export(
        found.labels, replace(found.embedded, images=images), tmp_path / "out",
        formats=("csv", "parquet", "huggingface", "webdataset", "label_studio", "folders"),
        progress=silent,
    ).folder  # fmt: skip
    wanted = dict(zip(names, ("two\nlines", notes[1], "bytes \\udce9", *notes[3:]), strict=True))

    assert {row["source"]: row["note"] for row in rows_of(folder / "labels.csv")} == wanted
    for place in ("labels.parquet", "huggingface/data"):
        rows = parquet.read_table(folder / place).to_pylist()
        assert {row["source"]: row["note"] for row in rows} == wanted
    with tarfile.open(folder / "webdataset/train-000000.tar") as tar:
        records = [json.load(tar.extractfile(m)) for m in tar if m.name.endswith("json")]
    assert {record["source"]: record["note"] for record in records} == {
        **wanted, names[2]: notes[2],
    }  # fmt: skip
    tasks = json.loads((folder / "label_studio/tasks.json").read_text("utf-8"))
    assert [task["data"]["source"] for task in tasks] == names


def test_a_class_called_none_is_no_empty_cell_where_the_report_says_how(
    labelled, tmp_path: Path
) -> None:
    pandas = pytest.importorskip("pandas")
    names = ("None", "NA", "null")
    case = labelled(names)
    folder = export(
        case.labels, case.embedded, tmp_path / "out", formats=("csv", "folders", "report"),
        progress=silent,
    ).folder  # fmt: skip
    line = 'pandas.read_csv("labels.csv", keep_default_na=False, na_values="")'
    assert line in (folder / "report.txt").read_text("utf-8")
    read = pandas.read_csv(folder / "labels.csv", keep_default_na=False, na_values="")
    assert read["label"].value_counts().to_dict() == {"None": 8, "NA": 6, "null": 4}
    assert read["split"].isna().all()


def test_columns_come_from_a_table_of_images_to_the_dataset(encoder, make_images, tmp_path) -> None:
    import protolabel as pl

    root = make_images({"red": 6, "blue": 6})
    names = pl.find_images(root).names
    lines = ["path,site,label", *(f"{name},s{i},{name[:3]}" for i, name in enumerate(names))]
    (root / "table.csv").write_text("\n".join(lines))
    session = pl.Session(
        root / "table.csv", ["red", "blue"], encoder=encoder, store=tmp_path / "store",
        progress=silent,
    )  # fmt: skip
    folder = session.export(tmp_path / "out", formats=["csv", "folders"]).folder
    assert [row["site"] for row in rows_of(folder / "labels.csv")] == [f"s{i}" for i in range(12)]
    again = pl.Session.load(session.save(tmp_path / "saved"), encoder=encoder, progress=silent)
    assert again.embeddings.images.columns["site"][:2] == ("s0", "s1")
    opened = pl.Session.load(folder, encoder=encoder, progress=silent)
    assert opened.embeddings.images.columns["site"][:2] == ("s0", "s1")
    assert opened.embeddings.images.columns["label"][0] == "blu"
    twice = opened.export(tmp_path / "twice", formats=["csv"]).folder
    assert rows_of(twice / "labels.csv")[0].keys() == rows_of(folder / "labels.csv")[0].keys()


def test_best_classes_begin_with_label_and_runner_up_and_differ(case, tmp_path: Path) -> None:
    labels = case.labels
    classes, scores = labels.best()
    assert classes.shape == scores.shape == (18, 3)
    np.testing.assert_array_equal(classes[:, 0], labels.label)
    np.testing.assert_array_equal(classes[:, 1], labels.runner_up)
    np.testing.assert_allclose(scores[:, 0] - scores[:, 1], labels.margin, atol=1e-6)
    assert all(len(set(row)) == 3 for row in classes.tolist())
    assert (np.diff(scores[:, 1:]) <= 1e-3).all()
    folder = export(
        case.labels, case.embedded, tmp_path / "out", formats=["csv"], best=2, progress=silent
    ).folder
    row = rows_of(folder / "labels.csv")[0]
    assert (row["best_1"], row["best_2"]) == (row["label"], row["runner_up"])
    assert float(row["score_1"]) == pytest.approx(float(row["agreement"]))
    assert "best_3" not in row


def test_scores_add_up_to_one_over_few_classes(labelled: Callable) -> None:
    _, scores = labelled(["a", "b", "c", "d", "e"], [6] * 5).labels.best(5)
    np.testing.assert_allclose(scores.sum(axis=1), 1.0, atol=5e-3)


def test_two_classes_and_one_have_no_further(labelled: Callable) -> None:
    assert labelled(["a", "b"], [6, 6]).labels.best(5)[0].shape == (12, 2)


@pytest.mark.parametrize("best", [0, 6, 2.5, "3"])
def test_a_number_of_best_classes_that_cannot_be_is_refused(case, tmp_path: Path, best) -> None:
    with pytest.raises(InputError, match="Expected best"):
        export(case.labels, case.embedded, tmp_path / "out", best=best, progress=silent)
    with pytest.raises(InputError, match="Expected best"):
        to_pandas(case.labels, case.images, best)


def test_a_pin_comes_first_and_all_others_move_down(labelled: Callable) -> None:
    names = ["a", "b", "c", "d", "e", "f"]
    plain = labelled(names, [5] * 6).labels
    from protolabel.refinement import label

    said = [*plain.best()[0][0].tolist()]
    run = plain.run
    for fixed in range(6):
        pinned = label(replace(run, pins=np.array([[0, fixed]])))
        classes, scores = pinned.best()
        rest = [one for one in said if one != fixed][:4]
        expected = said if fixed == said[0] else [fixed, *rest]
        assert classes[0].tolist() == expected
        assert scores[0].tolist() == [1.0, 0.0, 0.0, 0.0, 0.0]


def test_a_data_frame_has_types_and_the_users_columns(case) -> None:
    pd = pytest.importorskip("pandas")
    frame = to_pandas(case.labels, case.images, 3)
    assert len(frame) == 18
    assert list(frame["label"].cat.categories) == ["dog", "cat", "owl"]
    assert frame["label_id"].tolist() == case.labels.label.tolist()
    assert frame["source"].tolist() == list(case.images.names)
    assert frame["agreement"].dtype == np.float32
    assert frame["pinned"].dtype == bool
    assert frame["id"].dtype == np.int64
    assert pd.isna(frame["age"][1])
    assert frame["age"][0] == 70
    assert frame["given_label"][0] == "theirs"
    assert frame.groupby("label", observed=False).size().tolist() == [8, 6, 4]
    assert not {"file", "split", "near_duplicates"} & set(frame)


def test_without_pandas_the_message_names_the_extra(case, monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(InputError, match=r"protolabel\[pandas\]"):
        to_pandas(case.labels, case.images, 3)
