from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

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
