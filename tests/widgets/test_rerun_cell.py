"""One cell run again and again in a real kernel leaves the memory, threads and widgets of one."""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PREPARE = """
import ctypes, gc, json, threading, time
import ipywidgets
import protolabel as pl
pl.write_sample_pictures("photos", per_class=6, seed=1)

def sessions():
    gc.collect()
    return sum(isinstance(one, pl.Session) for one in gc.get_objects())

def probe():
    # Work that was abandoned holds its session until the step that it is in ends.
    end = time.monotonic() + 60
    while time.monotonic() < end and (
        any("protolabel" in t.name for t in threading.enumerate()) or sessions() > 1
    ):
        time.sleep(0.1)
    ctypes.CDLL(None).malloc_trim(0)  # what is freed, and not yet given back, is no leak
    with open("/proc/self/statm") as file:
        memory = int(file.read().split()[1]) * 4096 / 2**20
    print(json.dumps({
        "sessions": sessions(),
        "threads": threading.active_count(),
        "widgets": len(ipywidgets.widgets.widget._instances),
        "memory": memory,
    }))
"""
CELL = """
session = pl.Session("photos", ["dog", "cat"], encoder="sample", progress=lambda *_: None)
session.labels
session
"""


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """A function: run code in a kernel, as the cell of an id, and return what it printed."""
    manager = pytest.importorskip("jupyter_client.manager")
    pytest.importorskip("ipykernel")
    kernel, client = manager.start_new_kernel(
        kernel_name="python3", cwd=str(tmp_path), extra_arguments=["--log-level=ERROR"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
    )  # fmt: skip

    def execute(code: str, cell: str | None = None) -> str:
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {},
                   "allow_stdin": False, "stop_on_error": True}  # fmt: skip
        message = client.session.msg("execute_request", content)
        message["metadata"] = {} if cell is None else {"cellId": cell}
        client.shell_channel.send(message)
        printed = ""
        while True:
            heard: dict[str, Any] = client.get_iopub_msg(timeout=200)
            if heard["parent_header"].get("msg_id") != message["header"]["msg_id"]:
                continue
            kind, told = heard["msg_type"], heard["content"]
            assert kind != "error", "\n".join(told["traceback"])
            printed += told["text"] if kind == "stream" and told["name"] == "stdout" else ""
            if kind == "status" and told["execution_state"] == "idle":
                return printed

    yield execute
    client.stop_channels()
    kernel.shutdown_kernel(now=True)


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is read from /proc")
@pytest.mark.parametrize(("cell", "runs"), [("a-cell", 20), (None, 6)], ids=["cell id", "code"])
def test_running_a_cell_again_leaves_one_session_with_its_studio(
    run: Callable[..., str], cell: str | None, runs: int
) -> None:
    run(PREPARE)
    for _ in range(3):  # the first runs load and compile
        run(CELL, cell)
    first = json.loads(run("probe()"))
    for _ in range(runs - 3):
        run(CELL, cell)
    last = json.loads(run("probe()"))
    assert first["sessions"] == last["sessions"] == 1
    assert last["widgets"] == first["widgets"]
    assert last["threads"] <= first["threads"]  # a thread of a library may end meanwhile
    assert last["memory"] < first["memory"] + 60  # a loaded encoder alone is more, times 17


@pytest.mark.slow
def test_a_session_in_two_cells_stays_when_one_of_them_shows_another(
    run: Callable[..., str],
) -> None:
    run(PREPARE)
    run(CELL, "a")
    run("first = session; first", "b")
    run(CELL, "a")  # another session; the first is still shown by b
    run("shown, other = first.widget, session.widget")
    assert run("print(shown.closed, other.closed)") == "False False\n"
    run("session", "b")
    assert run("print(shown.closed, other.closed)") == "True False\n"
    assert run("print(len(first.labels), first is not session)") == "30 True\n"
