"""Parts of other packages are found by their entry points: the example of docs/plugins.md works."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fakes import draw

PAGE = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text("utf-8")

USE = """
import sys, warnings
warnings.simplefilter("error", ResourceWarning)
import protolabel as pl
from protolabel.exporting import WRITERS, describe_formats
assert "lines" in describe_formats()
session = pl.Session("holiday.album", pl.ClassVectors(["dark", "bright"], [[1., 0, 0], [0, 1, 0]]),
                     encoder="mean-colour", store="store", progress=lambda *_: None)
result = session.export("out", formats=["lines", "report"])
print(result.formats)
print(open("out/labels.txt").read())
assert "labels.txt" in open("out/report.txt").read()
session.export("out", formats=["lines"], overwrite=True)
try:
    pl.find_images("nowhere")
except pl.InputError as error:
    assert "does not exist" in str(error)
"""


_SECOND_CSV = """
from protolabel.exporting import Writer
x = Writer("csv", "x", "x", ("x.csv",), print)
"""


def installed(folder: Path, code: str, entries: str) -> dict[str, str]:
    """Lay a package out as pip would, and return an environment that finds it."""
    folder.mkdir()
    (folder / "labels_in_lines.py").write_text(code, "utf-8")
    about = folder / "labels_in_lines-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: labels-in-lines\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(entries)
    source = os.fspath(Path(__file__).parents[1])
    return {**os.environ, "PYTHONPATH": os.pathsep.join([os.fspath(folder), source])}


def run(code: str, env: dict[str, str], folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env=env, cwd=folder, capture_output=True, text=True,
        check=False,
    )  # fmt: skip


@pytest.fixture
def album(tmp_path: Path) -> Path:
    paths = []
    for number in range(6):
        paths.append(tmp_path / f"{number}.png")
        draw("red" if number % 2 else "blue", seed=number).save(paths[-1])
    (tmp_path / "holiday.album").write_text("".join(f"{path}\n" for path in paths))
    return tmp_path


def test_the_example_of_the_page_works(album: Path) -> None:
    code = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1]
    groups = tomllib.loads(re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1])
    entries = "".join(
        f"[{group}]\n" + "".join(f"{name} = {value}\n" for name, value in points.items())
        for group, points in groups["project"]["entry-points"].items()
    )
    done = run(USE, installed(album / "site", code, entries), album)
    assert done.returncode == 0, done.stderr
    assert "('lines', 'report', 'metadata')" in done.stdout
    assert done.stdout.count("\tdark\n") + done.stdout.count("\tbright\n") == 6


@pytest.mark.parametrize(
    ("code", "named", "says"),
    [
        ("", "gone", "cannot be loaded (AttributeError"),
        ("1/0", "x", "cannot be loaded (ZeroDivisionError"),
        ("x = 1", "x", "expected a protolabel.exporting.Writer"),
        (_SECOND_CSV, "x", "whose name and files no other has"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_left_out_with_a_warning(
    album: Path, code: str, named: str, says: str
) -> None:
    use = "from protolabel.exporting import WRITERS; print(len(WRITERS), WRITERS['csv'].title)"
    entries = f"[protolabel.writers]\nx = labels_in_lines:{named}\n"
    done = run(use, installed(album / "site", code, entries), album)
    assert done.returncode == 0, done.stderr
    assert says in done.stderr
    assert "13 Table (CSV)" in done.stdout


@pytest.mark.parametrize(
    ("group", "use", "says"),
    [
        ("sources", "pl.find_images('x')", "to return an ImageSet or None, got int"),
        ("encoders", "pl.load_encoder('x')", "to return an encoder, got int"),
    ],
)
def test_what_a_plugin_returns_is_checked(album: Path, group: str, use: str, says: str) -> None:
    code = "def x(source=None, **_): return 7"
    env = installed(album / "site", code, f"[protolabel.{group}]\nx = labels_in_lines:x\n")
    caught = f"import protolabel as pl\ntry: {use}\nexcept pl.ProtolabelError as e: print(e)"
    done = run(caught, env, album)
    assert says in done.stdout, done.stderr
