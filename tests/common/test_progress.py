from __future__ import annotations

import subprocess
import sys

import pytest

from protolabel.common.progress import TqdmProgress, resolve, silent


@pytest.fixture
def bars(monkeypatch):
    """Record every tqdm bar that is opened."""
    import tqdm.auto

    opened = []

    class Bar:
        def __init__(self, total, desc, **_):
            self.total, self.desc, self.n, self.closed = total, desc, 0, False
            opened.append(self)

        def update(self, by):
            self.n += by

        def close(self):
            self.closed = True

    monkeypatch.setattr(tqdm.auto, "tqdm", Bar)
    return opened


def test_one_bar_counts_to_the_end_and_closes(bars):
    progress = TqdmProgress()
    for done in (0, 2, 5):
        progress("embedding", done, 5)
    assert [(bar.desc, bar.total, bar.n, bar.closed) for bar in bars] == [("embedding", 5, 5, True)]


def test_a_new_phase_closes_the_bar_before_it(bars):
    progress = TqdmProgress()
    progress("embedding", 1, 5)
    progress("clustering", 1, 2)
    assert [(bar.desc, bar.closed) for bar in bars] == [("embedding", True), ("clustering", False)]


def test_a_phase_may_run_twice(bars):
    progress = TqdmProgress()
    for _ in range(2):
        progress("embedding", 0, 1)
        progress("embedding", 1, 1)
    assert [bar.n for bar in bars] == [1, 1]


def test_work_that_is_all_done_closes_at_once(bars):
    TqdmProgress()("embedding", 3, 3)
    assert bars[0].closed


def test_resolve_gives_a_bar_only_for_none():
    assert isinstance(resolve(None), TqdmProgress)
    assert resolve(silent) is silent


def test_silent_prints_nothing(capsys):
    silent("embedding", 1, 2)
    assert capsys.readouterr() == ("", "")


def test_the_module_loads_no_widgets():
    code = (
        "import sys, protolabel.common.progress;"
        "assert not {'tqdm', 'ipywidgets'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
