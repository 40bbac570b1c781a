from __future__ import annotations

import os
import random
import signal
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from protolabel.common.progress import silent
from protolabel.errors import ExportError
from protolabel.exporting import WRITERS, export, read_metadata, staging

if TYPE_CHECKING:
    from collections.abc import Callable

forks = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def is_whole(folder: Path) -> bool:
    """Whether a dataset holds all the files that its metadata names."""
    metadata = read_metadata(folder)
    files = [record["file"] for record in metadata["images"] if record["file"] is not None]
    return all((folder / file).exists() for file in [*files, *metadata["contents"]])


def save(case, folder: Path, **options):
    return export(case.labels, case.embedded, folder, **{"progress": silent, **options})


def in_a_child(work: Callable[[], object]) -> int:
    """Run a function in a process of its own and return the process id."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:  # noqa: BLE001 -- it must not run the rest of pytest
            os._exit(1)
    return child


def kill_at_move(number: int, case, folder: Path, **options) -> int:
    """Export in a process that dies before its n-th rename; return its status."""

    def work() -> None:
        done, real = 0, staging.move_new

        def move(source: Path, target: Path) -> None:
            nonlocal done
            done += 1
            if done == number:
                os.kill(os.getpid(), signal.SIGKILL)
            real(source, target)

        staging.move_new = move
        save(case, folder, **options)

    return os.waitpid(in_a_child(work), 0)[1]


@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("content", [None, "thesis.txt"])
def test_a_folder_that_appears_while_the_export_runs_is_kept(
    labelled: Callable, tmp_path: Path, overwrite: bool, content: str | None
) -> None:
    case, out = labelled(), tmp_path / "out"

    def appear(phase: str, done: int, total: int) -> None:
        if phase == "exporting splits" and not out.exists() and content is not None:
            out.mkdir()
            (out / content).write_text("years of work")

    if content is None:  # a link to nowhere is somebody's too

        def appear(phase: str, done: int, total: int) -> None:
            if not out.is_symlink():
                out.symlink_to(tmp_path / "gone")

    with pytest.raises(ExportError, match="new dataset lies in"):
        save(case, out, overwrite=overwrite, progress=appear)
    assert names(tmp_path) == ["out", "out_2", "photos"]
    assert is_whole(tmp_path / "out_2")
    if content is not None:
        assert (out / content).read_text() == "years of work"
    else:
        assert out.is_symlink()


def test_a_file_put_into_the_earlier_dataset_at_the_last_moment_is_kept(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, out = labelled(), tmp_path / "out"
    save(case, out)
    real = staging.move_new

    def move(source: Path, target: Path) -> None:
        if source == out:  # after the last look, before the dataset leaves its place
            (out / "notes.txt").write_text("mine")
        real(source, target)

    monkeypatch.setattr(staging, "move_new", move)
    with pytest.raises(ExportError, match=r"notes\.txt.*new dataset lies in"):
        save(case, out, overwrite=True)
    assert (out / "notes.txt").read_text() == "mine"
    assert is_whole(out)
    assert is_whole(tmp_path / "out_2")
    assert names(tmp_path) == ["out", "out_2", "photos"]


def test_a_folder_that_appears_between_the_two_renames_costs_neither_dataset(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, out = labelled(), tmp_path / "out"
    save(case, out, formats=["csv"])
    real = staging.move_new

    def move(source: Path, target: Path) -> None:
        if source.name == staging.NEW and target == out:
            out.mkdir(exist_ok=True)
        real(source, target)

    monkeypatch.setattr(staging, "move_new", move)
    with pytest.raises(ExportError, match=r"earlier dataset .*out_2.*new dataset .*out_3"):
        save(case, out, overwrite=True)
    assert names(out) == []
    assert read_metadata(tmp_path / "out_2")["contents"] == ["labels.csv", "metadata.json"]
    assert is_whole(tmp_path / "out_3")


@forks
def test_of_two_processes_with_one_new_folder_one_wins_and_nothing_is_lost(
    labelled: Callable, tmp_path: Path
) -> None:
    case = labelled()
    for turn in range(3):
        out = tmp_path / f"out{turn}"
        children = [in_a_child(lambda: save(case, out)) for _ in range(3)]  # noqa: B023
        codes = sorted(os.waitstatus_to_exitcode(os.waitpid(one, 0)[1]) for one in children)
        assert codes == [0, 1, 1]
        made = [tmp_path / name for name in names(tmp_path) if name.startswith(out.name)]
        assert 1 <= len(made) <= 3  # a process that starts late is refused at once
        assert all(is_whole(folder) for folder in made)
    assert not [name for name in names(tmp_path) if name.startswith(".")]


# Killed exports


@forks
@pytest.mark.parametrize("step", [1, 2])
def test_a_kill_at_either_rename_is_put_right_by_the_next_export(
    labelled: Callable, tmp_path: Path, step: int
) -> None:
    case, out = labelled(), tmp_path / "out"
    save(case, out, formats=["csv"])
    assert os.WIFSIGNALED(kill_at_move(step, case, out, overwrite=True))
    with (
        pytest.warns(UserWarning, match="killed") as caught,
        pytest.raises(ExportError, match="earlier dataset"),
    ):
        save(case, out)  # without leave to replace it
    assert any("is back in" in str(one.message) for one in caught) is (step == 2)
    assert read_metadata(out)["contents"] == ["labels.csv", "metadata.json"]
    assert names(tmp_path) == ["out", "photos"]
    assert is_whole(save(case, out, overwrite=True).folder)


@forks
def test_a_kill_of_a_first_export_leaves_nothing_after_the_next(
    labelled: Callable, tmp_path: Path
) -> None:
    case, out = labelled(), tmp_path / "out"
    kill_at_move(1, case, out)
    assert [name[:13] for name in names(tmp_path)] == [".out.partial-", "photos"]
    with pytest.warns(UserWarning, match="Removed a folder"):
        save(case, out)
    assert names(tmp_path) == ["out", "photos"]


@forks
def test_an_earlier_dataset_whose_place_was_taken_after_a_kill_goes_beside_it(
    labelled: Callable, tmp_path: Path
) -> None:
    case, out = labelled(), tmp_path / "out"
    save(case, out, formats=["csv"])
    kill_at_move(2, case, out, overwrite=True)
    out.mkdir()
    (out / "mine.txt").write_text("mine")
    with (
        pytest.warns(UserWarning, match="killed"),
        pytest.raises(ExportError, match="never replaced"),
    ):
        save(case, out, overwrite=True)
    assert names(out) == ["mine.txt"]
    assert read_metadata(tmp_path / "out_2")["contents"] == ["labels.csv", "metadata.json"]


@forks
def test_an_export_that_runs_is_no_leftover(labelled: Callable, tmp_path: Path) -> None:
    case, out = labelled(), tmp_path / "out"
    ready, go = os.pipe(), os.pipe()

    def work() -> None:
        def wait(phase: str, done: int, total: int) -> None:
            if phase == "exporting splits" and done == 0:
                os.write(ready[1], b"x")
                os.read(go[0], 1)

        save(case, out, progress=wait)

    child = in_a_child(work)
    os.read(ready[0], 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(case, tmp_path / "other")
        staging.restore_leftovers(out)
    os.write(go[1], b"x")
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert is_whole(out)


@forks
def test_kills_at_any_moment_lose_no_dataset(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(staging, "_FRESH", 0.0)  # an empty folder may be that of a kill, too
    case, out = labelled(), tmp_path / "out"
    start = time.perf_counter()
    save(case, out)
    length = time.perf_counter() - start
    chance = random.Random(0)
    for _ in range(20):
        child = in_a_child(lambda: save(case, out, overwrite=True))
        time.sleep(chance.random() * length)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            staging.restore_leftovers(out)
        assert is_whole(out)
        assert names(tmp_path) == ["out", "photos"]


def test_leftovers_of_the_first_release_are_put_in_order(
    labelled: Callable, tmp_path: Path
) -> None:
    case, out = labelled(), tmp_path / "out"
    save(case, out)
    (tmp_path / ".out.old-abcd1234").mkdir()
    out.rename(tmp_path / ".out.old-abcd1234" / "dataset")
    (tmp_path / ".out.partial-efgh5678" / "dog").mkdir(parents=True)
    (tmp_path / ".out.partial-notes").mkdir()  # not a name that an export makes
    with pytest.warns(UserWarning, match="killed") as caught, pytest.raises(ExportError):
        save(case, out)
    assert any("is back in" in str(one.message) for one in caught)
    assert is_whole(out)
    assert names(tmp_path) == [".out.partial-notes", "out", "photos"]


def test_leftovers_of_another_folder_are_left_alone(labelled: Callable, tmp_path: Path) -> None:
    case = labelled()
    (tmp_path / ".other.partial-efgh5678" / "dog").mkdir(parents=True)
    save(case, tmp_path / "out")
    assert ".other.partial-efgh5678" in names(tmp_path)


# What a disk can do


@pytest.mark.parametrize("kernel", [True, False])
def test_a_folder_is_never_renamed_over_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kernel: bool
) -> None:
    from protolabel.exporting import moving

    if not kernel:
        monkeypatch.setattr(moving, "_renameat2", lambda: None)
    for name in ("new", "empty", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "file").touch()
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    for name in ("empty", "full", "file", "link"):
        with pytest.raises(FileExistsError):
            moving.move_new(tmp_path / "new", tmp_path / name)
    moving.move_new(tmp_path / "new", tmp_path / "free")
    assert names(tmp_path) == ["empty", "file", "free", "full", "link"]
    with pytest.raises(FileNotFoundError):
        moving.move_new(tmp_path / "gone", tmp_path / "free2")


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), PermissionError(13, "no")]
)
@pytest.mark.parametrize("name", ["csv", "report", "metadata", "prototypes", "splits"])
def test_a_disk_that_fails_in_any_writer_is_a_clear_error(
    labelled: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: OSError, name: str
) -> None:
    from dataclasses import replace

    def fail(job) -> None:
        raise error

    writers = {**WRITERS, name: replace(WRITERS[name], write=fail)}
    monkeypatch.setattr("protolabel.exporting.writers.WRITERS", writers)
    with pytest.raises(ExportError, match="Nothing was exported"):
        save(labelled(), tmp_path / "out")
    assert names(tmp_path) == ["photos"]


@pytest.mark.skipif(sys.platform != "linux", reason="a device that is always full")
def test_a_disk_that_is_really_full(labelled: Callable, tmp_path: Path, monkeypatch) -> None:
    real = Path.open

    def opened(self: Path, mode: str = "r", *args, **kwargs):
        if self.name == "labels.csv" and "w" in mode:
            return real(Path("/dev/full"), mode, *args, **kwargs)
        return real(self, mode, *args, **kwargs)

    monkeypatch.setattr(Path, "open", opened)
    with pytest.raises(ExportError, match="disk is full"):
        save(labelled(), tmp_path / "out")
    assert names(tmp_path) == ["photos"]
