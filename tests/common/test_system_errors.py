from __future__ import annotations

import errno
import os

import numpy as np
import pytest

import protolabel as pl
from protolabel.common import files
from protolabel.common.progress import silent
from protolabel.common.system_errors import system_says
from protolabel.errors import ProtolabelError

ADVICE = {
    errno.ENOSPC: "free the disk",
    errno.EDQUOT: "delete files of yours",
    errno.EFBIG: "a disk that takes larger files",
    errno.EROFS: "a disk that can be written",
    errno.EACCES: "permission to write",
    errno.EPERM: "permission to write",
    errno.ENAMETOOLONG: "shorter name",
    errno.EMFILE: "ulimit -n",
    errno.ENFILE: "close other notebooks",
    errno.EIO: "check the disk",
    errno.ENOENT: "still there",
    errno.ENOTDIR: "a file has the name of one",
    errno.EISDIR: "a folder has this name",
    errno.EBUSY: "choose another folder",
}


def failing(number: int) -> OSError:
    return OSError(number, os.strerror(number))


@pytest.mark.parametrize("number", ADVICE, ids=errno.errorcode.get)
def test_every_error_of_writing_has_its_advice(number: int) -> None:
    said = system_says(failing(number))
    assert said.startswith(f"{os.strerror(number)}: ")
    assert ADVICE[number] in said
    assert said.endswith(".")


def test_an_error_without_a_number_says_what_it_says() -> None:
    assert system_says(ValueError("no name"), "try again") == "no name: try again."
    assert system_says(OSError()) == "OSError: choose another folder."


@pytest.mark.parametrize("number", ADVICE, ids=errno.errorcode.get)
def test_whatever_is_saved_says_what_to_do(number: int, tmp_path, monkeypatch) -> None:
    vectors = np.eye(8, dtype=np.float32)[np.arange(32) % 4]
    classes = pl.ClassVectors(tuple("abcd"), vectors[:4], 50.0)
    session = pl.Session(pl.load_embeddings(vectors), classes, progress=silent)
    classifier = pl.PrototypeClassifier.from_labels(session.labels, vectors)

    def refuse(*_: object) -> None:
        raise failing(number)

    monkeypatch.setattr(files, "writing", refuse)
    for save in (classifier.save, session.save, session.embeddings.save):
        with pytest.raises(ProtolabelError, match=ADVICE[number]):
            save(tmp_path / "here")
