"""A table of images is embedded and labelled as a folder is, and goes on where it was killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.tables import (
    apply_table,
    embed_table,
    export_labels,
    fit_table,
    read_fitted,
    worker,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["dog", "cat", "giraffe"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Pictures, one broken file, a list with a missing one, and their vectors."""
    folder = tmp_path_factory.mktemp("table")
    pl.write_sample_pictures(folder / "pictures", classes=CLASSES, per_class=20, seed=3)
    (folder / "broken.jpg").write_bytes(b"no picture")
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*.jpg"))
    pq.write_table(pa.table({"path": [*names, "missing.jpg"]}), folder / "list.parquet")
    embed(folder / "list.parquet", folder / "vectors")
    return folder


def embed(source: Path, output: Path, **options: object):
    return embed_table(source, output, encoder="sample", progress=silent, **options)


def rows(folder: Path) -> dict[str, dict]:
    table = pq.read_table(folder)
    return dict(zip(table["id"].to_pylist(), table.to_pylist(), strict=True))


def test_vectors_are_those_of_a_folder(home):
    folder = pl.embed_images(
        pl.find_images(home / "pictures"), pl.load_encoder("sample"), progress=silent
    )
    found = rows(home / "vectors")
    for name, vector in zip(folder.images.names, folder.vectors, strict=True):
        np.testing.assert_allclose(found[f"pictures/{name}"]["vector"], vector, atol=1e-3)


def test_an_image_that_cannot_be_read_is_a_row_with_the_reason(home):
    found = rows(home / "vectors")
    assert len(found) == 62
    bad = {name: row["error"] for name, row in found.items() if row["error"]}
    assert bad.keys() == {"broken.jpg", "missing.jpg"}
    assert "does not exist" in bad["missing.jpg"]
    assert all(found[name]["vector"] is None for name in bad)


def listed(home: Path, kind: str, tmp_path: Path) -> Path:
    """The first pictures in another kind of table."""
    files = sorted((home / "pictures").glob("*.jpg"))[:5]
    if kind == "csv":
        lines = ["id,image", *(f"{n},{file}" for n, file in enumerate(files))]
        (tmp_path / "list.csv").write_text("\n".join(lines))
        return tmp_path / "list.csv"
    if kind == "bytes":
        column = pa.array([file.read_bytes() for file in files])
    elif kind == "struct":
        column = pa.array([{"bytes": file.read_bytes(), "path": None} for file in files])
    elif kind == "url":
        column = pa.array([file.as_uri() for file in files])
    else:
        import tarfile

        with tarfile.open(tmp_path / "list.tar", "w") as tar:
            for n, file in enumerate(files):
                tar.add(file, f"{n}.jpg")
        return tmp_path / "list.tar"
    table = pa.table({"key": list(range(len(files))), "image": column})
    (tmp_path / "list").mkdir()
    pq.write_table(table, tmp_path / "list" / "a.parquet")
    return tmp_path / "list"


@pytest.mark.parametrize("kind", ["csv", "bytes", "struct", "url", "webdataset"])
def test_paths_urls_and_bytes_give_the_same_vectors(home, tmp_path, kind):
    embed(listed(home, kind, tmp_path), tmp_path / "out")
    found, wanted = rows(tmp_path / "out"), rows(home / "vectors")
    for n, file in enumerate(sorted((home / "pictures").glob("*.jpg"))[:5]):
        assert found[str(n)]["error"] is None
        vector = wanted[f"pictures/{file.name}"]["vector"]
        np.testing.assert_allclose(found[str(n)]["vector"], vector, atol=1e-3)


def test_a_second_run_does_nothing_and_a_third_only_what_is_missing(home, tmp_path, monkeypatch):
    monkeypatch.setattr("protolabel.tables.runs._SHARD", (16, 16))
    embed(home / "list.parquet", tmp_path)
    before = {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    assert len(before) == 4
    embed(home / "list.parquet", tmp_path)
    assert before == {path.name: path.stat().st_mtime_ns for path in tmp_path.glob("part-*")}
    names = sorted(before)
    (tmp_path / names[0]).unlink()
    torn = tmp_path / names[1]
    torn.write_bytes(torn.read_bytes()[:100])
    summary = embed(home / "list.parquet", tmp_path)
    assert (summary.rows, summary.torn, summary.repeated) == (62, 1, 0)
    assert rows(tmp_path).keys() == rows(home / "vectors").keys()
    assert all((tmp_path / name).stat().st_mtime_ns == before[name] for name in names[2:])


def test_rows_that_two_tasks_wrote_are_there_once(home, tmp_path):
    embed(home / "list.parquet", tmp_path)
    table = pq.read_table(tmp_path)
    from protolabel.tables.shards import Shards

    Shards(tmp_path).write(table.slice(5, 20))
    summary = embed(home / "list.parquet", tmp_path)
    assert (summary.rows, summary.repeated) == (62, 20)
    assert len(pq.read_table(tmp_path)) == 62


def test_a_run_goes_on_where_table_and_results_were_moved_together(home, tmp_path, monkeypatch):
    monkeypatch.setattr("protolabel.tables.runs._SHARD", (16, 16))
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "list.parquet").write_bytes((home / "list.parquet").read_bytes())
    embed(tmp_path / "old" / "list.parquet", tmp_path / "old" / "out")
    next((tmp_path / "old" / "out").glob("part-*")).unlink()
    (tmp_path / "old").rename(tmp_path / "new")
    kept = {path.name: path.stat().st_mtime_ns for path in (tmp_path / "new/out").glob("part-*")}
    (tmp_path / "new" / "pictures").symlink_to(home / "pictures")
    summary = embed(tmp_path / "new" / "list.parquet", tmp_path / "new" / "out")
    assert summary.rows == 62
    for name, written in kept.items():
        assert (tmp_path / "new" / "out" / name).stat().st_mtime_ns == written


def test_a_table_that_grew_goes_on_and_another_table_does_not(home, tmp_path):
    names = sorted(str(path) for path in (home / "pictures").rglob("*.jpg"))
    table, other = tmp_path / "list.csv", tmp_path / "other" / "list.csv"
    other.parent.mkdir()
    write_lines(table, names[:3])
    embed(table, tmp_path / "out")
    write_lines(other, names[3:6])
    assert other.stat().st_size == table.stat().st_size
    with pytest.raises(pl.StoreError, match=r"another table .*list\.csv"):
        embed(other, tmp_path / "out")
    write_lines(table, names[:5])
    assert embed(table, tmp_path / "out").rows == 5
    table.rename(tmp_path / "other" / "list.csv")
    assert embed(other, tmp_path / "out").rows == 5


def write_lines(path: Path, names: list[str]) -> None:
    """A table whose ids say nothing about its images."""
    path.write_text("\n".join(["id,path", *(f"{n},{name}" for n, name in enumerate(names))]))


def test_errors_can_be_tried_again(home, tmp_path):
    pq.write_table(pa.table({"path": ["later.jpg"]}), tmp_path / "list.parquet")
    assert embed(tmp_path / "list.parquet", tmp_path / "out").errors == 1
    picture = next((home / "pictures").glob("*.jpg"))
    (tmp_path / "later.jpg").write_bytes(picture.read_bytes())
    assert embed(tmp_path / "list.parquet", tmp_path / "out").errors == 1
    summary = embed(tmp_path / "list.parquet", tmp_path / "out", retry=True)
    assert (summary.rows, summary.errors) == (1, 0)


def test_a_killed_driver_loses_nothing_and_writes_nothing_twice(home, tmp_path):
    code = (
        "import sys; from pathlib import Path; from protolabel.tables import embed_table, runs;"
        "from protolabel.common.progress import silent; runs._SHARD = (4, 4);"
        "import protolabel.tables.worker as worker; worker.PICTURES = 4;"
        "embed_table(sys.argv[1], sys.argv[2], encoder='sample', progress=silent)"
    )
    call = [sys.executable, "-c", code, str(home / "list.parquet"), str(tmp_path / "out")]
    for wanted in (1, 5):
        run = subprocess.Popen(call)
        while len(list((tmp_path / "out").glob("part-*"))) < wanted and run.poll() is None:
            time.sleep(0.01)
        run.send_signal(signal.SIGKILL)
        run.wait()
    summary = embed(home / "list.parquet", tmp_path / "out")
    assert (summary.rows, summary.errors) == (62, 2)
    found, wanted_rows = rows(tmp_path / "out"), rows(home / "vectors")
    assert found.keys() == wanted_rows.keys()
    assert len(pq.read_table(tmp_path / "out")) == 62


def counted(load: Callable, log: Path) -> Callable:
    """A stand-in for load_encoder that writes down which process called it."""

    def load_and_tell(*arguments: object, **options: object) -> object:
        with log.open("a") as file:
            file.write(f"{os.getpid()}\n")
        return load(*arguments, **options)

    return load_and_tell


@pytest.mark.parametrize("workers", [1, 2])
def test_the_model_is_loaded_once_in_each_worker(home, tmp_path, monkeypatch, workers):
    log = tmp_path / "log"
    monkeypatch.setattr(worker, "load_encoder", counted(worker.load_encoder, log))
    monkeypatch.setattr(worker, "PICTURES", 4)
    embed(home / "list.parquet", tmp_path / "out", workers=workers)
    loaded = log.read_text().split()
    assert 1 <= len(loaded) <= workers
    assert len(set(loaded)) == len(loaded)
    assert rows(tmp_path / "out").keys() == rows(home / "vectors").keys()


@pytest.fixture(scope="module")
def fitted(home) -> Path:
    fit_table(home / "vectors", CLASSES, home / "fitted", progress=silent)
    return home / "fitted"


def labelled(folder: Path) -> dict[str, tuple]:
    found = rows(folder)
    return {name: (row["label"], row["agreement"]) for name, row in found.items()}


@pytest.mark.parametrize("source", ["vectors", "list.parquet"])
def test_labels_of_a_table_are_those_of_a_folder(home, fitted, tmp_path, source):
    classifier = read_fitted(fitted).classifier
    summary = apply_table(fitted, home / source, tmp_path / "out", progress=silent)
    assert (summary.rows, summary.errors) == (62, 2)
    found = {name: row for name, row in rows(tmp_path / "out").items() if not row["error"]}
    vectors = np.array([rows(home / "vectors")[name]["vector"] for name in sorted(found)])
    labels = classifier.label(vectors)
    names = [labels.names[number] for number in labels.label]
    assert [found[name]["label"] for name in sorted(found)] == names
    agreement = [found[name]["agreement"] for name in sorted(found)]
    np.testing.assert_allclose(agreement, labels.agreement, atol=1e-3)
    assert ("vector" in next(iter(found.values()))) == (source == "list.parquet")
    assert not (tmp_path / "out" / "_vectors").exists()


def test_the_reason_for_a_missing_vector_stands_beside_the_missing_label(home, fitted, tmp_path):
    apply_table(fitted, home / "vectors", tmp_path, progress=silent)
    assert "does not exist" in rows(tmp_path)["missing.jpg"]["error"]


def test_labels_do_not_depend_on_how_a_table_is_cut(home, fitted, tmp_path, monkeypatch):
    """More images than join the loop: a sample of them joins, chosen by the ids."""
    monkeypatch.setattr("protolabel.refinement.classifier.TOGETHER_LIMIT", 90)
    table = pq.read_table(home / "vectors").sort_by("id")
    (tmp_path / "cut").mkdir()
    for start in range(0, len(table), 9):
        part = table.slice(start, 9).sort_by([("id", "descending")])
        pq.write_table(part, tmp_path / "cut" / f"{99 - start}.parquet")
    apply_table(fitted, home / "vectors", tmp_path / "a", progress=silent)
    monkeypatch.setattr("protolabel.tables.runs._SHARD", (8, 8))
    apply_table(fitted, tmp_path / "cut", tmp_path / "b", progress=silent)
    assert len(list((tmp_path / "b").glob("part-*"))) == 8
    one, other = labelled(tmp_path / "a"), labelled(tmp_path / "b")
    assert one.keys() == other.keys()
    for name, (label, agreement) in one.items():
        assert other[name] == (label, agreement and pytest.approx(agreement, abs=1e-4))
    each = read_fitted(fitted).classifier
    good = [row for row in rows(tmp_path / "a").values() if not row["error"]]
    vectors = np.array([rows(home / "vectors")[row["id"]]["vector"] for row in good])
    alone = each.label(vectors, together=False).agreement
    assert not np.allclose(alone, [row["agreement"] for row in good], atol=1e-3)


def test_labels_of_pictures_that_could_not_be_read_can_be_tried_again(home, fitted, tmp_path):
    names = [f"{home}/{name}" for name in rows(home / "vectors") if "pictures" in name][:9]
    table = pa.table({"path": [*names, str(tmp_path / "later.jpg")]})
    pq.write_table(table, tmp_path / "list.parquet")
    apply_table(fitted, tmp_path / "list.parquet", tmp_path / "out", progress=silent)
    (tmp_path / "later.jpg").write_bytes(Path(names[0]).read_bytes())
    again = {"progress": silent, "retry": True}
    summary = apply_table(fitted, tmp_path / "list.parquet", tmp_path / "out", **again)
    assert (summary.rows, summary.errors) == (10, 0)
    found = rows(tmp_path / "out")
    assert found[str(tmp_path / "later.jpg")]["label"] == found[names[0]]["label"]


@pytest.mark.parametrize("case", ["90 vectors", "1000 list.parquet"])
def test_a_driver_that_is_killed_while_it_labels_loses_nothing(
    home, fitted, tmp_path, monkeypatch, case
):
    room, source = case.split()
    code = (
        "import sys, time; from protolabel.tables import apply_table, runs, shards;"
        "from protolabel.common.progress import silent; runs._SHARD = (4, 4);"
        "from protolabel.refinement import classifier;"
        "classifier.TOGETHER_LIMIT = int(sys.argv[4]);"
        "write = shards.Shards.write;"
        "shards.Shards.write = lambda *all: (write(*all), time.sleep(0.05))[0];"
        "apply_table(*sys.argv[1:4], progress=silent)"
    )
    monkeypatch.setattr("protolabel.refinement.classifier.TOGETHER_LIMIT", int(room))
    apply_table(fitted, home / source, tmp_path / "wanted", progress=silent)
    out = tmp_path / "out"
    call = [sys.executable, "-c", code, str(fitted), str(home / source), str(out), room]
    run = subprocess.Popen(call)
    while len(list(out.glob("part-*"))) < 3 and run.poll() is None:
        time.sleep(0.01)
    run.send_signal(signal.SIGKILL)
    run.wait()
    apply_table(fitted, home / source, out, progress=silent)
    assert len(pq.read_table(out)) == 62
    found, wanted = rows(out), rows(tmp_path / "wanted")
    assert {name: row["label"] for name, row in found.items()} == {
        name: row["label"] for name, row in wanted.items()
    }
    assert not (out / "_vectors").exists()


@pytest.mark.parametrize("room", [90, 1000])
def test_shards_that_were_lost_are_labelled_again_as_before(
    home, fitted, tmp_path, monkeypatch, room
):
    monkeypatch.setattr("protolabel.refinement.classifier.TOGETHER_LIMIT", room)
    monkeypatch.setattr("protolabel.tables.runs._SHARD", (8, 8))
    apply_table(fitted, home / "vectors", tmp_path, progress=silent)
    before = labelled(tmp_path)
    files = sorted(tmp_path.glob("part-*"))
    files[0].unlink()
    files[1].write_bytes(b"torn")
    summary = apply_table(fitted, home / "vectors", tmp_path, progress=silent)
    assert (summary.rows, summary.torn, summary.repeated) == (62, 1, 0)
    after = labelled(tmp_path)
    assert before.keys() == after.keys()
    assert sum(before[name][0] != after[name][0] for name in before) == 0


def test_images_that_fit_no_name_are_marked(home, fitted, tmp_path):
    apply_table(fitted, home / "vectors", tmp_path, none_of_these=1.0, progress=silent)
    assert any(row["none_of_these"] for row in rows(tmp_path).values())


def test_labels_of_another_classifier_are_not_mixed(home, fitted, tmp_path):
    apply_table(fitted, home / "vectors", tmp_path / "out", progress=silent)
    fit_table(home / "vectors", CLASSES, tmp_path / "other", temperature=0.2, progress=silent)
    with pytest.raises(pl.StoreError, match="another classifier"):
        apply_table(tmp_path / "other", home / "vectors", tmp_path / "out", progress=silent)


def test_the_fit_takes_a_random_sample(home, tmp_path):
    options = {"sample": 30, "progress": silent}
    first = fit_table(home / "vectors", CLASSES, tmp_path / "a", **options)
    assert len(first) == 30
    again = fit_table(home / "vectors", CLASSES, tmp_path / "b", **options)
    np.testing.assert_array_equal(first.label, again.label)


def test_labels_are_exported_to_one_file(home, fitted, tmp_path):
    apply_table(fitted, home / "vectors", tmp_path / "labels", progress=silent)
    assert export_labels(tmp_path / "labels", tmp_path / "labels.csv") == 62
    assert export_labels(tmp_path / "labels", tmp_path / "labels.parquet") == 62
    lines = (tmp_path / "labels.csv").read_text().splitlines()
    assert lines[0] == "id,label,agreement,runner_up,margin,none_of_these,error"
    assert len(lines) == 63
    table = pq.read_table(tmp_path / "labels.parquet")
    assert set(table["label"].to_pylist()) <= {*CLASSES, None}


def test_progress_counts_images(home, tmp_path):
    seen = []
    embed_table(
        home / "list.parquet", tmp_path, encoder="sample", progress=lambda *step: seen.append(step)
    )
    assert seen[0] == ("embedding images", 0, 62)
    assert seen[-1] == ("embedding images", 62, 62)


def test_usage_statistics_are_off():
    assert os.environ["DO_NOT_TRACK"] == "true"
    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda folder: folder / "nothing.parquet", "does not exist"),
        (lambda folder: folder, "no table"),
        (lambda folder: columns(folder, price=[1.0]), "column of images"),
        (lambda folder: columns(folder, image=[b"x"]), "identifies the images"),
        (lambda folder: columns(folder, xlsx=True), "table of images"),
    ],
)
def test_what_is_no_table_of_images_is_refused(tmp_path, make, says):
    with pytest.raises(pl.InputError, match=says.replace("no table", "got none")):
        embed(make(tmp_path), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def columns(folder: Path, *, xlsx: bool = False, **given: list) -> Path:
    path = folder / ("list.xlsx" if xlsx else "list.parquet")
    pq.write_table(pa.table(given or {"path": ["a"]}), path)
    return path


def test_an_encoder_that_workers_cannot_load_is_refused(home, tmp_path):
    encoder = pl.load_encoder(lambda images: np.ones((len(images), 4)), name="mine")
    with pytest.raises(pl.InputError, match="load by its name"):
        embed_table(home / "list.parquet", tmp_path, encoder=encoder, progress=silent)


@pytest.mark.parametrize(
    "change",
    [
        {"source": 3}, {"source": "a\0b"}, {"output": None}, {"output": "a\0b"}, {"workers": 0},
        {"workers": 2**31}, {"workers": "two"}, {"gpus": -1.0}, {"gpus": float("nan")},
        {"image_column": 0}, {"retry": "yes"}, {"none_of_these": 2.0}, {"fitted": {}},
        {"fitted": "x" * 300}, {"output": "/dev/null"},
    ],
    ids=str,
)  # fmt: skip
def test_wrong_arguments_are_refused_with_what_was_expected(home, fitted, tmp_path, change):
    right = {"fitted": fitted, "source": home / "vectors", "output": tmp_path / "new"}
    with pytest.raises(pl.ProtolabelError, match="Expected"):
        apply_table(**{**right, **change}, progress=silent)


def test_a_damaged_table_is_a_clear_error(home, fitted, tmp_path):
    part = next((home / "vectors").glob("part-*.parquet"))
    for name, content in {"cut": part.read_bytes()[:-9], "text": b"PAR1 nothing"}.items():
        (tmp_path / f"{name}.parquet").write_bytes(content)
        with pytest.raises(pl.InputError, match="table of images"):
            apply_table(fitted, tmp_path / f"{name}.parquet", tmp_path / "out", progress=silent)


def test_a_fit_replaces_no_classifier_of_a_dataset(home, tmp_path):
    (tmp_path / "classifier.npz").write_bytes(b"mine")
    with pytest.raises(pl.StoreError, match="something else"):
        fit_table(home / "vectors", CLASSES, tmp_path, progress=silent)
    assert (tmp_path / "classifier.npz").read_bytes() == b"mine"
