"""What must hold whatever happens: full disks, entries that vanish, odd arguments, many threads.

`python tests/benchmarks/reliability` tries the same at length.
"""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from fakes import ColourEncoder, draw
from threadpoolctl import threadpool_limits

import protolabel as pl
from protolabel import exporting, plots
from protolabel.common.progress import silent
from protolabel.errors import ProtolabelError
from protolabel.images.sources import folder as folder_source

sys.path.insert(0, str(Path(__file__).parent / "benchmarks" / "reliability"))
from tally import Tally  # isort: skip

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

only_linux = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")


@pytest.fixture
def session(image_folder: Path, encoder: ColourEncoder, tmp_path: Path) -> pl.Session:
    made = pl.Session(
        image_folder, ["red", "green", "blue"], encoder=encoder, store=tmp_path / "store",
        progress=silent,
    )  # fmt: skip
    made.export(tmp_path / "dataset", formats=["folders", "prototypes", "csv"])
    return made


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond a size in bytes, as a full disk would not."""
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, ignored)


WRITERS: dict[str, Callable[[pl.Session, Path, Path], object]] = {
    "store": lambda session, place, _: pl.embed_images(
        session.embeddings.images, ColourEncoder(), store=place, progress=silent
    ),
    "embeddings": lambda session, place, _: session.embeddings.save(place),
    "session": lambda session, place, _: session.save(place),
    "page": lambda session, place, _: session.to_html(place / "page.html"),
    "classifier": lambda session, place, _: pl.PrototypeClassifier.from_labels(session.labels).save(
        place / "classifier.npz"
    ),
    "pictures": lambda _, place, dataset: plots.save_plots(dataset, place),
    "samples": lambda _, place, __: pl.write_sample_pictures(place, per_class=1),
    "audit": lambda _, place, dataset: exporting.write_audit(dataset, place, 4),
    "dataset": lambda session, place, _: session.export(place),
}


@only_linux
@pytest.mark.parametrize("limit", [0, 100])
@pytest.mark.parametrize("name", list(WRITERS))
def test_a_full_disk_is_a_clear_error_in_every_writer(session, tmp_path, name, limit):
    place = tmp_path / "place"
    place.mkdir()

    with pytest.raises(ProtolabelError), largest_file(limit):
        WRITERS[name](session, place, tmp_path / "dataset")
    assert not list(place.rglob("*.tmp"))


@only_linux
def test_a_pin_on_a_full_disk_counts_in_the_session(session, tmp_path):
    with pytest.warns(UserWarning, match="Corrections are not kept"), largest_file(0):
        session.pin(0, "blue")
    assert session.labels.pinned.sum() == 1


def test_files_and_folders_that_vanish_between_listing_and_reading_are_listed(
    image_folder, encoder, monkeypatch
):
    inspect = folder_source._inspect
    gone = image_folder / "red" / "0001.png"

    def late(path: Path) -> Any:
        gone.unlink(missing_ok=True)
        return inspect(path)

    monkeypatch.setattr(folder_source, "_inspect", late)
    found = pl.find_images(image_folder)
    (entry,) = found.skipped
    assert (entry.name, len(found)) == ("red/0001.png", 14)
    assert "does not exist" in entry.reason
    (image_folder / "blue" / "0000.png").unlink()
    (image_folder / "green" / "0000.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    embedded = pl.embed_images(found, encoder, progress=silent)
    assert len(embedded) == 12
    assert len(embedded.images.skipped) == 3


def test_a_folder_that_vanishes_while_it_is_searched_is_listed(image_folder, monkeypatch):
    is_export = folder_source._is_export

    def late(folder: Path) -> bool:
        for path in (image_folder / "red").glob("*"):
            path.unlink()
        if (image_folder / "red").exists():
            (image_folder / "red").rmdir()
        return is_export(folder)

    (image_folder / "zoo").mkdir()
    monkeypatch.setattr(folder_source, "_is_export", late)
    assert all(not name.startswith("red") for name in pl.find_images(image_folder).names)


@only_linux
@pytest.mark.skipif(os.name == "nt" or os.getuid() != 0, reason="only root makes devices")
def test_devices_are_listed_and_never_opened(image_folder):
    try:
        os.mknod(image_folder / "a.png", 0o20666, os.makedev(1, 5))  # /dev/zero never ends
        os.mknod(image_folder / "b.png", 0o60666, os.makedev(7, 200))
    except OSError:
        pytest.skip("this file system holds no devices")
    found = pl.find_images(image_folder)
    assert {(entry.name, entry.reason) for entry in found.skipped} == {
        ("a.png", "a device, not a file"), ("b.png", "a device, not a file"),
    }  # fmt: skip


def test_a_file_in_a_list_that_is_no_image_is_not_exported_whatever_it_is_called(tmp_path):
    for number in range(3):
        draw("red", number).save(tmp_path / f"{number}.png")
    (tmp_path / "key.png").write_text("-----BEGIN PRIVATE KEY-----")
    images = pl.ImageSet.from_paths([*(tmp_path / f"{n}.png" for n in range(3)),
                                     tmp_path / "key.png"])  # fmt: skip
    vectors = np.eye(4, 12, dtype=np.float32)
    embedded = pl.load_embeddings(vectors, images)
    session = pl.Session(embedded, ["red", "blue"], encoder=ColourEncoder(), progress=silent,
                         store=tmp_path / "store")  # fmt: skip
    with pytest.raises(ProtolabelError, match=r"key\.png.*not an image"):
        session.export(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_pictures_of_very_many_classes_are_drawn_within_seconds():
    count = 100_000
    names = [f"class {number}" for number in range(count)]
    label = np.arange(count, dtype=np.int32)
    xy = np.random.default_rng(0).normal(size=(count, 2))
    start = time.process_time()
    figure = plots.plot_counts(names, np.ones(count, int))
    assert "150 largest of 100,000" in figure.axes[0].get_title(loc="left")
    plots.plot_agreement(names, label, np.full(count, 0.5))
    plots.plot_map(xy, label, names, np.zeros((count, 2)))
    plots.plot_alignment(names, np.full((4, count), 1 / count))
    plots.plot_convergence(names, [0, 0.1], [0, 0.1], np.ones((2, count)))
    assert time.process_time() - start < 60


def test_labels_clusters_and_map_do_not_depend_on_the_number_of_threads():
    rng = np.random.default_rng(0)
    text = np.linalg.qr(rng.normal(size=(128, 128)))[0][:6].astype(np.float32)
    rows = (text[rng.integers(6, size=500)] + rng.normal(0, 0.09, (500, 128))).astype(np.float32)
    classes = pl.ClassVectors([f"class {number}" for number in range(6)], text)
    seen = []
    for threads in (1, 2):
        with threadpool_limits(threads):
            graph = pl.knn_graph(rows)
            clusters = pl.cluster(rows, graph, progress=silent)
            labels = pl.label(pl.refine(rows, classes, clusters, graph=graph, progress=silent))
            seen.append((clusters.micro, labels.label, pl.project(rows, graph, progress=silent)))
    for one, other in zip(*seen, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.timeout(600)
@only_linux
def test_public_calls_work_or_refuse_whatever_their_arguments(tmp_path):
    # In a process of its own, because odd calls may leave threads behind or end it.
    code = (
        "import sys; from pathlib import Path; import calls\n"
        "for tally in calls.run(Path(sys.argv[1]), 0.05, 0, None):\n"
        "    for note in tally.notes:\n"
        "        if 'not called' not in note:\n"  # a new function
        "            print(note)\n"
    )
    bench = Path(__file__).parent / "benchmarks" / "reliability"
    paths = [str(bench), str(Path(pl.__file__).parents[1])]
    found = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "calls")],
        capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": ":".join(paths)},
    )  # fmt: skip
    assert (found.returncode, found.stdout) == (0, ""), found.stdout + found.stderr


@pytest.mark.parametrize("root", [7, 0.5, ["folder"], np.arange(3)])
def test_a_root_that_is_no_path_is_refused(image_folder, root):
    with pytest.raises(pl.InputError, match="root"):
        pl.ImageSet.from_paths([image_folder / "red" / "0000.png"], root)


def test_a_truth_that_is_not_true_or_false_is_refused(image_folder):
    with pytest.raises(pl.InputError, match="truth"):
        pl.find_images(image_folder, truth=np.arange(3))


@pytest.mark.parametrize("colour", [7, 0.5, np.arange(3), "red"])
def test_a_colour_that_is_none_is_refused(session, colour):
    with pytest.raises(pl.InputError):
        session.set_colour("red", colour)


def test_new_classes_and_pages_with_impossible_names_are_refused(session, tmp_path):
    with pytest.raises(pl.InputError):
        session.add_classes(np.zeros((2, 3)))
    with pytest.raises(pl.InputError, match="NUL"):
        session.to_html(f"{tmp_path}/page\0.html")


HUGE = {
    "groups": lambda: pl.clustering.cluster_means(np.eye(3), np.arange(3), 2**31),
    "sums": lambda: pl.clustering.cluster_sums(np.eye(3), np.arange(3), 2**31),
    "drawing": lambda: pl.samples.draw_animal("dog", size=2**31),
}


@pytest.mark.parametrize("what", list(HUGE))
def test_numbers_that_no_memory_holds_are_refused(what):
    with pytest.raises(pl.InputError, match="Expected"):
        HUGE[what]()


def test_bins_without_an_image_cost_nothing():
    confidence, right = np.array([0.1, 0.1, 0.9]), np.array([False, False, True])
    assert pl.evaluation.calibration_error(confidence, right, bins=2**62) == pytest.approx(0.1)


def test_a_list_of_rows_is_no_list_of_names(image_folder):
    path = image_folder / "red" / "0000.png"
    with pytest.raises(pl.InputError, match="names"):
        plots.plot_contact_sheet([(0, [path]), (1, [path, path])], [(0, [path])])


def test_an_array_without_an_axis_is_no_list_of_classes(session):
    with pytest.raises(pl.InputError, match="list of class names"):
        session.add_classes(np.array(1.0))


def test_impossible_paths_of_images_are_refused(session, tmp_path):
    session.embeddings.save(tmp_path / "vectors")
    with pytest.raises(pl.StoreError, match="file of paths"):
        pl.load_embeddings(tmp_path / "vectors", "a\0b")


NO_HOME = "~nobody\0/photo.png"

FROM_NO_HOME = {
    "pin": lambda session: session.pin(NO_HOME, "red"),
    "truth": lambda session: session.evaluate({NO_HOME: "red"}),
    "pattern": lambda _: pl.find_images("~nobody\0/*.png"),
    "list": lambda _: pl.find_images([NO_HOME]),
    "folder": lambda session: session.embeddings.images.at(NO_HOME),
    "weights": lambda _: pl.load_encoder("ViT-B-32", NO_HOME),
    "timm": lambda _: pl.load_encoder("resnet10t", NO_HOME),
}


@pytest.mark.parametrize("what", list(FROM_NO_HOME))
def test_a_nul_after_a_tilde_is_refused(session, what):
    with pytest.raises(pl.ProtolabelError):
        FROM_NO_HOME[what](session)


def test_a_cell_with_a_nul_after_a_tilde_is_refused(tmp_path):
    (tmp_path / "table.csv").write_text(f"path\n{NO_HOME}\n")
    with pytest.raises(pl.InputError, match="local files"):
        pl.find_images(tmp_path / "table.csv")


def test_a_tally_counts_every_kind_of_failure():
    from tally import Different, Lost

    tally = Tally("a part")
    for error in (None, pl.InputError("x"), Lost("x"), Different("x"), KeyError("x")):
        with tally.attempt("an attempt"):
            if error is not None:
                raise error
    assert (tally.tried, tally.survived, tally.lost, tally.differences, tally.raw) == (
        5,
        2,
        1,
        1,
        1,
    )
