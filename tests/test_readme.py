"""What the README and the pages of the documentation print runs as printed."""

from __future__ import annotations

import ast
import re
import shlex
import textwrap
import tomllib
from pathlib import Path

import pytest

import protolabel as pl
from protolabel.cli import main

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
PAGES = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path


def code(page: Path) -> list[str]:
    found = re.findall(r"^ *```python\n.*?```", page.read_text("utf-8"), re.DOTALL | re.MULTILINE)
    return ["\n".join(textwrap.dedent(block).splitlines()[1:-1]) + "\n" for block in found]


def run(page: Path, names: dict) -> dict:
    for block in code(page):
        exec(compile(block, str(page), "exec"), names)
    return names


def test_the_readme_runs_as_printed(folder):
    assert len(code(README)) == 2
    names = run(README, {})
    assert (folder / "annotated_dataset" / "metadata.json").is_file()
    assert (folder / "dogs_and_cats" / "dog").is_dir()
    assert names["session"].temperature == 0.05
    assert names["session"].pins == {"picture_0003.jpg": "cat"}
    assert len(names["audit"].images) == 40


def test_getting_started_runs_as_printed(folder):
    run(ROOT / "docs" / "getting_started.md", {})
    assert (folder / "annotated_dataset" / "metadata.json").is_file()
    assert (folder / "dogs_and_cats" / "dog").is_dir()
    assert (folder / "by_hand" / "labels.csv").is_file()


@pytest.mark.parametrize("page", ["corrections", "names"])
def test_a_page_on_a_session_runs_as_printed(folder, page):
    pictures = pl.write_sample_pictures("photos", per_class=12)
    names = {"pl": pl, "session": pl.Session("photos", pictures.classes, encoder="sample")}
    run(ROOT / "docs" / f"{page}.md", names)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_snippet_is_python(page):
    for block in code(page):
        ast.parse(block)


def test_the_command_lines_of_the_page_run_as_printed(folder):
    """But for the encoder: the weights of the default one would be downloaded."""
    pl.write_sample_pictures("photos", per_class=8)
    pl.write_sample_pictures("new_photos", per_class=2, seed=1)
    page = (ROOT / "docs" / "command_line.md").read_text("utf-8")
    block = re.search(r"```sh\n(.*?)```", page, flags=re.DOTALL)
    assert block is not None
    lines = block[1].replace("\\\n", " ").splitlines()
    told = [shlex.split(line, comments=True) for line in lines]
    assert [words[:2] for words in told] == [
        ["protolabel", name] for name in ("run", "embed", "run", "apply", "plot", "evaluate")
    ]
    for words in told:
        if words[1] == "evaluate":
            first = next((folder / "annotated_dataset" / "dog").iterdir()).name
            Path("checked.csv").write_text(f"image,truth\n{first},dog\n", "utf-8")
        encoder = ["--encoder", "sample"] if words[1] in ("run", "embed") else []
        assert main([*words[1:], *encoder]) == 0, words
    for dataset in ("annotated_dataset", "sharper_dataset"):
        assert (folder / dataset / "metadata.json").is_file()
    assert len((folder / "new_results" / "labels.csv").read_text("utf-8").splitlines()) == 11
    assert list((folder / "annotated_dataset_plots").glob("*.png"))


def commands(page: Path) -> list[str]:
    """Every command line of protolabel in the code of a page, with its lines joined."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    fenced = "".join(re.findall(r"```sh\n(.*?)```", text, re.DOTALL))
    indented = "\n".join(re.findall(r"^ {4}(.*)$", text, re.MULTILINE))
    lines = re.findall(r"^protolabel .*$", f"{fenced}\n{indented}", re.MULTILINE)
    return [line.partition("#")[0] for line in lines]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_on_a_page_exists(page, capsys):
    for line in commands(page):
        _, name, *rest = shlex.split(line)
        with pytest.raises(SystemExit) as done:
            main([name, "--help"])
        assert done.value.code == 0, line
        told = capsys.readouterr().out
        assert all(word in told for word in rest if word.startswith("--")), line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_script_that_a_page_names_is_there(page):
    for script in re.findall(r"python ((?:tests|docs)/[\w/.]+)", page.read_text("utf-8")):
        assert (ROOT / script).exists(), script


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_extra_that_a_page_names_can_be_installed(page):
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = re.findall(r"(?:protolabel|\.)\[([\w,]+)\]", page.read_text("utf-8"))
    for name in ",".join(named).split(",") if named else []:
        assert name in extras["optional-dependencies"]
