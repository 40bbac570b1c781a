from __future__ import annotations

import json
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from fakes import killed_at

from protolabel.common import files


def test_a_file_is_replaced_whole(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")
    with files.writing(path) as file:
        file.write(b"new")
        assert path.read_bytes() == b"old"
    assert path.read_bytes() == b"new"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failure_leaves_the_old_file(tmp_path: Path, error: type[BaseException]) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"old")

    def fail() -> None:
        with files.writing(path) as file:
            file.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert [one.name for one in tmp_path.iterdir()] == ["a.txt"]


def test_a_failing_rename_leaves_nothing_behind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(self: Path, target: Path) -> Path:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(PermissionError):
        files.write_bytes(tmp_path / "a.txt", b"new")
    assert list(tmp_path.iterdir()) == []


def test_text_keeps_names_that_are_not_utf8(tmp_path: Path) -> None:
    files.write_text(tmp_path / "a.txt", "caf\udce9 é\n")
    assert (tmp_path / "a.txt").read_bytes() == b"caf\xe9 \xc3\xa9\n"


def test_json_comes_back(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None], "é": "caf\udce9"}
    files.write_json(tmp_path / "a.json", value)
    assert json.loads((tmp_path / "a.json").read_bytes()) == value


def test_arrays_come_back_without_pickle(tmp_path: Path) -> None:
    values = np.arange(12, dtype=np.float16).reshape(3, 4)
    files.write_array(tmp_path / "a.npy", values)
    again = np.load(tmp_path / "a.npy", allow_pickle=False)
    np.testing.assert_array_equal(again, values)
    assert again.dtype == np.float16
    with pytest.raises(ValueError, match=r"pickle|Object"):
        files.write_array(tmp_path / "b.npy", np.array([{}], dtype=object))
    assert not (tmp_path / "b.npy").exists()


def test_a_folder_that_cannot_be_synced_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(handle: int) -> None:
        raise OSError(22, "Invalid argument")

    files.sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", refuse)
    files.sync_folder(tmp_path)


# --- several files together ---------------------------------------------------------------------


def several(folder: Path, text: str) -> None:
    with files.replacing(folder) as new:
        for name in ("a.txt", "b.txt", "deep/c.txt"):
            (new / name).parent.mkdir(exist_ok=True)
            files.write_text(new / name, text)


def contents(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_text() for path in found}


def test_files_are_replaced_together_and_others_stay(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    several(tmp_path, "old")
    several(tmp_path, "new")
    wanted = dict.fromkeys(("a.txt", "b.txt", "deep/c.txt"), "new")
    assert contents(tmp_path) == {**wanted, "mine.txt": "mine"}


def test_links_in_a_folder_of_a_stranger_move_nothing(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "a.txt").write_text("mine")
    taking, giving = tmp_path / "taking", tmp_path / "giving"
    taking.mkdir()
    (taking / ".saved").symlink_to(mine, target_is_directory=True)
    (giving / ".saved" / "deep").mkdir(parents=True)
    (giving / ".saved" / "deep" / "a.txt").write_text("theirs")
    (giving / "deep").symlink_to(mine, target_is_directory=True)
    for folder in (taking, giving):
        with pytest.raises(OSError, match="link"):
            files.finish_replacing(folder)
    assert contents(mine) == {"a.txt": "mine"}


def test_a_failure_leaves_all_the_old_files(tmp_path: Path) -> None:
    several(tmp_path, "old")

    def fail() -> None:
        with files.replacing(tmp_path) as new:
            (new / "a.txt").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert set(contents(tmp_path).values()) == {"old"}
    assert len(contents(tmp_path)) == 3


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
def test_a_kill_at_any_moment_leaves_the_old_files_or_the_new(tmp_path: Path) -> None:
    point, seen = 0, set()
    while True:
        folder = tmp_path / str(point)
        several(folder, "old")
        if not killed_at(point, lambda: several(folder, "new")):  # noqa: B023 -- called at once
            break
        files.finish_replacing(folder)
        visible = {n: t for n, t in contents(folder).items() if not n.startswith(".")}
        assert len(visible) == 3
        assert len(set(visible.values())) == 1, (point, visible)
        seen |= set(visible.values())
        several(folder, "newer")  # what a kill left disturbs nothing, and goes
        assert set(contents(folder).values()) == {"newer"}
        assert len(contents(folder)) == 3
        point += 1
    assert seen == {"old", "new"}
    assert point > 10


def test_the_second_of_two_writers_waits(tmp_path: Path) -> None:
    began, order = threading.Event(), []

    def first() -> None:
        with files.replacing(tmp_path) as new:
            began.set()
            (new / "a.txt").write_text("first")
            order.append("first")

    thread = threading.Thread(target=first)
    thread.start()
    began.wait()
    several(tmp_path, "second")
    order.append("second")
    thread.join()
    assert order == ["first", "second"]
    assert (tmp_path / "a.txt").read_text() == "second"


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_no_regular_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="not a regular file"):
        files.check_regular(tmp_path / "pipe")
    files.check_regular(tmp_path / "missing")
