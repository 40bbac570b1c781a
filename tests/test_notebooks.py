"""The notebooks run as a reader runs them, and show on GitHub what they should."""

from __future__ import annotations

import base64
import re
import subprocess
import sys

import pytest

nbformat = pytest.importorskip("nbformat")  # in the extra "notebooks", not in "test"
pytest.importorskip("nbclient")

from notebook_tools import NOTEBOOKS, code_cells, execute, run, solved, tidy  # noqa: E402

LARGEST = 300_000  # bytes: GitHub shows larger ones slowly, or not at all
MOST_MEMORY = 1_000  # MiB: half of what Binder gives

# scikit-learn imports pandas where there is one: the readers of formats bring it, Binder has none.
# torch imports triton, which compiles for GPUs; Binder's torch comes without it.
AS_ON_BINDER = "import sys; sys.modules['pandas'] = sys.modules['triton'] = None"

# Binder gets a torch without GPU libraries, so what these occupy here does not count. Zeroed memory
# of a library (81 MiB of cuBLAS's) is a mapping without a name that begins where the file's ends.
MEMORY = """
import re
gpu = re.compile(r"lib(cu|nv|nccl|torch_cuda|torch_nvshmem|triton|c10_cuda)[^/]*$")
spent, name, end = 0, "", ""
with open("/proc/self/smaps") as maps:
    for line in maps:
        if place := re.match(r"([0-9a-f]+)-([0-9a-f]+) ", line):
            named = len(fields := line.split(maxsplit=5)) > 5
            name = fields[5].strip() if named else name if place[1] == end else ""
            end = place[2]
        elif line.startswith("Rss:") and gpu.search(name):
            spent += int(line.split()[1])
# Not ru_maxrss: a child begins with its parent's.
with open("/proc/self/status") as status:
    peak = int(re.search(r"VmHWM:\\s+(\\d+)", status.read())[1])
print("peak", peak // 1024, "gpu", spent // 1024)
"""

each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


@pytest.mark.timeout(300)
@each_notebook
def test_it_runs_offline_from_top_to_bottom(path, tmp_path):
    book = nbformat.read(path, as_version=4)
    shown = [bool(cell.outputs) for cell in code_cells(book)]
    first = path == NOTEBOOKS[0]
    if first:  # binder/postBuild compiles too; compiling takes memory of its own
        command = [sys.executable, "-m", "protolabel", "demo", "--per-class", "6"]
        subprocess.run([*command, "--output", tmp_path / "demo"], check=True, capture_output=True)
    around = {"first": AS_ON_BINDER, "last": MEMORY} if first else {}
    memory = execute(book, tmp_path, **around)
    streams = [out for cell in code_cells(book) for out in cell.outputs if "text" in out]
    assert [out.text for out in streams if out.name == "stderr"] == []
    tidy(book)
    # A cell that gained or lost its output since: run tests/notebook_tools.py.
    assert [bool(cell.outputs) for cell in code_cells(book)] == shown
    if memory:
        peak, gpu = map(int, re.findall(r"\d+", memory))
        assert peak - gpu < MOST_MEMORY, f"{peak} MiB, {gpu} of them GPU libraries"


@pytest.mark.timeout(300)
def test_a_notebook_that_no_browser_has_open_keeps_a_picture_of_the_studio(tmp_path):
    make = """import protolabel as pl
pl.write_sample_pictures("photos", per_class=3)
session = pl.Session("photos", ["dog", "cat", "lion"], encoder="sample")
session.labels
import time
from protolabel.widgets.panels import map as module
place = module.project
def late(*arguments, **options):  # the map is ready a second after the studio is on the page
    while session._studio is None:
        time.sleep(0.01)
    time.sleep(1)
    return place(*arguments, **options)
module.project = late"""
    book = nbformat.v4.new_notebook(
        cells=[nbformat.v4.new_code_cell(make), nbformat.v4.new_code_cell("session")]
    )
    run(book, tmp_path)
    pictures = [
        base64.b64decode(out["data"]["image/png"])
        for out in book.cells[1].outputs
        if "image/png" in out.get("data", {})
    ]
    assert len(pictures) == 1
    assert pictures[0].startswith(b"\x89PNG")
    assert len(pictures[0]) > 3_000  # points, and not an empty frame


STEP = "def plain_step(P, temperature):\n    weight = softmax(x @ P.T / temperature)\n    return "
PROTOTYPES = "def prototypes(g, z, anchors, alpha=4.0):\n    return "
# What a student may try, and a word of what the check then says, exercise by exercise.
TRIED = (
    {
        f"{STEP}None": "Not answered",
        f"{STEP}x.T @ weight": "Not yet: the shape is (128, 5), not (5, 128)",
        f"{STEP}weight @ x": "Not yet: matmul",
        f"{STEP}weight.T @ x / weight.sum(axis=0)": "[:, None]",
        f"{STEP}weight.T @ x": "at length 1?",
    },
    {
        "lambda_max = None": "Not answered",
        "lambda_max = np.linalg.eigvalsh(np.cov(x.T))": "Not yet: one number",
        "lambda_max = np.linalg.eigh(np.cov(x.T))": "Not yet: one number",
        "lambda_max = np.linalg.eigvalsh(np.cov(x))[-1]": "each dimension is a row",
        "lambda_max = np.linalg.eigvalsh(np.cov(x.T)).max()": "Right",
    },
    {
        f"{PROTOTYPES}None": "Not answered",
        f"{PROTOTYPES}(g.T @ z + alpha * anchors) / (g.sum(axis=0) + alpha)": "[:, None]",
        f"{PROTOTYPES}z.T @ g": "Not yet: the shape is (6, 3), not (3, 6)",
        f"{PROTOTYPES}g.T @ z / (g.sum(axis=0)[:, None] + alpha)": "Not yet: sums over",
    },
    {
        "two = None": "Not answered",
        "two = (true == 0) | (true == 3)": "Right",
        "two = np.where((true == 0) | (true == 3))": "Right",
        "two = [int(i) for i in np.flatnonzero(np.isin(true, [0, 3]))][::-1]": "Right",
        "two = np.isin(true, [2, 4])": "Not yet: 80 rows, of: owl, rabbit",
        "two = [0, 1]": "Not yet: 2 rows",
        "two = np.flatnonzero(true == 7)": "Not yet: 0 rows, of: no animal",
    },
)


@pytest.mark.timeout(300)
def test_the_checks_of_the_exercises_take_what_is_right_and_say_what_is_wrong(tmp_path):
    path = next(path for path in NOTEBOOKS if "how_it_works" in path.stem)
    book = solved(nbformat.read(path, as_version=4))
    exercises = [cell for cell in book.cells if "exercise" in cell.metadata.get("tags", [])]
    checks = [cell for cell in book.cells if "check" in cell.metadata.get("tags", [])]
    expected = []
    for exercise, check, tried in zip(exercises, checks, TRIED, strict=True):
        where = book.cells.index(exercise) + 1  # the solution first; it is run again afterwards
        added = []
        for code, says in tried.items():
            added += [
                nbformat.v4.new_code_cell(code),
                copied := nbformat.v4.new_code_cell(check.source),
            ]
            expected.append((code, copied, says))
        book.cells[where:where] = [*added, nbformat.v4.new_code_cell(exercise.source)]
    execute(book, tmp_path)
    for check in checks:
        assert check.outputs[0].text.startswith("Right"), check.outputs[0].text
        said = check.outputs[0].text.partition(" zero-shot")[0].strip()
        assert f"The check says: `{said}`" in book.cells[book.cells.index(check) + 1].source
    for code, check, says in expected:
        assert [out.output_type for out in check.outputs] == ["stream"], code
        assert says in check.outputs[0].text, (code, check.outputs[0].text)


def test_how_it_works_can_be_read_in_ten_minutes():
    path = next(path for path in NOTEBOOKS if "how_it_works" in path.stem)
    cells = nbformat.read(path, as_version=4).cells
    prose = [cell.source for cell in cells if cell.cell_type == "markdown"]
    hidden = r"<details>.*?</details>|\[!\[.*?\)\]\(.*?\)|\(https?:.*?\)"
    shown = re.sub(hidden, "", "\n".join(prose), flags=re.DOTALL)
    assert len(re.findall(r"[\w'’λ]+", shown)) <= 450
    code = [line for cell in cells if cell.cell_type == "code" for line in cell.source.splitlines()]
    assert sum(bool(line.strip()) for line in code) <= 90


@each_notebook
def test_what_a_reader_sees_on_github(path):
    book = nbformat.read(path, as_version=4)
    nbformat.validate(book)
    outputs = [out for cell in code_cells(book) for out in cell.outputs]
    assert sum("image/png" in out.get("data", {}) for out in outputs) >= 2
    assert [out for out in outputs if out.output_type == "error"] == []
    assert "widgets" not in book.metadata
    assert path.stat().st_size < LARGEST
    counts = [cell.execution_count for cell in code_cells(book)]
    assert counts == list(range(1, len(counts) + 1))
    text = path.read_text("utf-8")
    assert "widget-view" not in text
    for trace in (r"/(home|root|tmp|work|opt|Users)/", r"[A-Z]:\\\\", r"\d ?it/s", r" at 0x"):
        assert re.search(trace, text) is None


@each_notebook
def test_it_can_be_opened_in_colab_and_on_binder(path):
    first = nbformat.read(path, as_version=4).cells[0].source
    assert f"colab.research.google.com/github/OWNER/protolabel/blob/main/notebooks/{path.name}" in (
        first
    )
    assert f"urlpath=lab/tree/notebooks/{path.name}" in first
