"""What the README prints runs as printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import protolabel as pl
from protolabel.cli import main

README = Path(__file__).parents[1] / "README.md"


def test_the_readme_runs_as_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    blocks = re.findall(r"```python\n(.*?)```", README.read_text("utf-8"), flags=re.DOTALL)
    assert len(blocks) == 2
    names: dict = {}
    for block in blocks:
        exec(compile(block, str(README), "exec"), names)
    assert (tmp_path / "annotated_dataset" / "metadata.json").is_file()
    assert (tmp_path / "dogs_and_cats" / "dog").is_dir()
    assert (tmp_path / "by_hand" / "labels.csv").is_file()
    assert names["session"].temperature == 0.05


def test_the_command_lines_of_the_readme_run_as_printed(tmp_path, monkeypatch):
    """But for the encoder: the weights of the default one would be downloaded."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    pl.write_sample_pictures("photos", per_class=8)
    pl.write_sample_pictures("new_photos", per_class=2, seed=1)
    section = README.read_text("utf-8").split("## On the command line")[1]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert block is not None
    lines = block[1].replace("\\\n", " ").splitlines()
    told = [shlex.split(line, comments=True) for line in lines]
    assert [words[:2] for words in told] == [
        ["protolabel", name] for name in ("run", "embed", "run", "apply", "plot", "evaluate")
    ]
    for words in told:
        if words[1] == "evaluate":
            first = next((tmp_path / "annotated_dataset" / "dog").iterdir()).name
            Path("checked.csv").write_text(f"image,truth\n{first},dog\n", "utf-8")
        encoder = ["--encoder", "sample"] if words[1] in ("run", "embed") else []
        assert main([*words[1:], *encoder]) == 0, words
    for folder in ("annotated_dataset", "sharper_dataset"):
        assert (tmp_path / folder / "metadata.json").is_file()
    assert len((tmp_path / "new_results" / "labels.csv").read_text("utf-8").splitlines()) == 11
    assert list((tmp_path / "annotated_dataset_plots").glob("*.png"))
