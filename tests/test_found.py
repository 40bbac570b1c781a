"""Bytes that once ended a reader with another exception, a wait or a crash are refused or read.

The files are in `data/found`, each named after its reader in the fuzzing bench, which starts from
them as well: ``python tests/benchmarks/reliability fuzzing --keep FOLDER`` writes new ones.
"""

from __future__ import annotations

import os
import sys
import time
import warnings
from contextlib import suppress
from pathlib import Path

import pytest

from protolabel.errors import ProtolabelError

sys.path.insert(0, str(Path(__file__).parent / "benchmarks" / "reliability"))
import fuzzing  # isort: skip

INPUTS = sorted(fuzzing.FOUND.iterdir())


@pytest.fixture(scope="module")
def work(tmp_path_factory) -> Path:
    """Sound files of every kind, of which one is replaced at a time."""
    folder = tmp_path_factory.mktemp("found")
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        patch.setattr("protolabel.embedding.cache.user_cache_path", lambda name: folder / name)
        fuzzing._corpora(folder)
    return folder


def test_every_reader_of_untrusted_bytes_has_found_inputs():
    assert {path.name.partition("-")[0] for path in INPUTS} == fuzzing.READERS.keys()


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name)
def test_found_bytes_are_read_or_refused(work, tmp_path, monkeypatch, path):
    monkeypatch.chdir(work)  # the readers take the sound files from where they are
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    (tmp_path / "input").write_bytes(path.read_bytes())
    start = time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with suppress(ProtolabelError):
            fuzzing.READERS[path.name.partition("-")[0]](tmp_path / "input")
    assert time.process_time() - start < 60
    assert not any((folder / "ran").exists() for folder in (work, tmp_path, Path.cwd()))
    assert os.getcwd() == str(work)  # noqa: PTH109 -- as it was
