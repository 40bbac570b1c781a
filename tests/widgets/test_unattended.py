"""A notebook that a program runs keeps its picture, however long the first labels take."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

SLOW = """
import time
import protolabel as pl
from protolabel.session import session as rooms
from protolabel.widgets import studio
studio._FIRST = 0.05  # a cold machine: no cell that a person watches would wait so long
quick = rooms.prepare
def prepare(*given, **options):
    time.sleep(3)
    return quick(*given, **options)
rooms.prepare = prepare
pl.write_sample_pictures("photos", per_class=4, seed=1)
session = pl.Session("photos", ["dog", "cat"], encoder="sample", progress=lambda *_: None)
"""


def run_by_nbclient(file: Path) -> None:
    nbclient, nbformat = pytest.importorskip("nbclient"), pytest.importorskip("nbformat")
    notebook = nbformat.read(file, as_version=4)
    context = {"metadata": {"path": str(file.parent)}}
    nbclient.NotebookClient(notebook, timeout=280, resources=context).execute()
    nbformat.write(notebook, file)


def run_by_papermill(file: Path) -> None:
    papermill = pytest.importorskip("papermill", reason="not part of the test extra")
    papermill.execute_notebook(file, file, cwd=file.parent, progress_bar=False)


@pytest.mark.parametrize("run", [run_by_nbclient, run_by_papermill], ids=["nbclient", "papermill"])
def test_the_picture_is_kept_on_a_slow_machine(run: Callable[[Path], None], tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    cells = [nbformat.v4.new_code_cell(code) for code in (SLOW, "session")]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    file = tmp_path / "slow.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), file)
    run(file)
    outputs = nbformat.read(file, as_version=4).cells[1].outputs
    shown = [set(output.get("data", {})) for output in outputs]
    assert any("image/png" in data for data in shown), shown


def test_two_cells_that_show_one_session_both_keep_the_newest_picture(session, settle):
    from protolabel.widgets.studio import Studio

    class Handle:
        def __init__(self) -> None:
            self.pictures: list[str] = []

        def update(self, data: dict[str, str], *, raw: bool) -> None:
            assert raw
            self.pictures.append(data["image/png"])

    studio = Studio(session)
    studio.map.wait_for_umap(120)
    handles = Handle(), Handle()
    studio._handles.extend(handles)
    studio._repaint()
    first, second = (handle.pictures for handle in handles)
    assert first == second
    assert len(first) == 1
    settle(studio.gallery)
    studio.close()
