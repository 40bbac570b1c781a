"""Binder builds what the notebooks were run with."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from importlib.util import find_spec
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[1]
BINDER = ROOT / "binder"
BY_CONDA = {"numpy", "torch", "torchvision"}


def pins() -> dict[str, str]:
    lines = (BINDER / "requirements.txt").read_text("utf-8").splitlines()
    found = [line.split("==") for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, version in found}


@pytest.fixture(scope="module")
def dockerfile() -> str:
    if find_spec("repo2docker") is None:
        pytest.skip("jupyter-repo2docker is not installed: pip install '.[dev]'")
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def test_repo2docker_takes_our_environment_and_runs_our_script(dockerfile):
    assert "Building conda environment for python=3.11" in dockerfile
    assert '--file "binder/environment.yml"' in dockerfile
    assert "RUN ./binder/postBuild" in dockerfile


def test_every_dependency_is_pinned_to_a_version_that_we_allow():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    pinned, conda = pins(), (BINDER / "environment.yml").read_text("utf-8")
    for line in project["dependencies"]:
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        if name in BY_CONDA:
            version = re.search(rf"- (?:py)?{name}(?:-cpu)?=([\d.]+)$", conda, re.MULTILINE)
            assert version is not None, name
            assert wanted.specifier.contains(version.group(1))
        else:
            assert wanted.specifier.contains(pinned[name]), name


def test_the_script_is_one_that_bash_can_run():
    script = BINDER / "postBuild"
    assert script.stat().st_mode & 0o111
    subprocess.run([shutil.which("bash") or "bash", "-n", script], check=True)
    assert "-r binder/requirements.txt" in script.read_text("utf-8")


def test_torch_from_conda_is_the_one_for_processors_alone():
    assert "pytorch-cpu=" in (BINDER / "environment.yml").read_text("utf-8")
    assert not {"torch", "torchvision"} & pins().keys()


def test_the_pins_fit_together_and_with_what_conda_brings():
    conda = (BINDER / "environment.yml").read_text("utf-8")
    versions = pins() | {
        name: re.search(rf"- (?:py)?{name}(?:-cpu)?=([\d.]+)$", conda, re.MULTILINE).group(1)
        for name in BY_CONDA
    }
    checked = 0
    for name, version in versions.items():
        try:
            here = distribution(name)
        except PackageNotFoundError:
            continue
        if here.version != version:  # what another version needs says nothing
            continue
        checked += 1
        for line in here.requires or []:
            needed = Requirement(line)
            found = versions.get(canonicalize_name(needed.name))
            if found and (needed.marker is None or needed.marker.evaluate({"extra": ""})):
                assert needed.specifier.contains(found, prereleases=True), (name, line)
    if not checked:
        pytest.skip(
            "none of the pinned versions is installed: pip install -r binder/requirements.txt"
        )
