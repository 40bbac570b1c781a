"""The ES modules by themselves: eslint, and the unit tests that node runs."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """Run a command here; skip without node, but fail where the browser tests are promised."""
    if shutil.which(command[0]) is None:
        reason = f"{command[0]} is not installed"
        if os.environ.get("PROTOLABEL_BROWSER_TESTS") == "1":
            pytest.fail(f"PROTOLABEL_BROWSER_TESTS=1, but {reason}")
        pytest.skip(reason)
    return subprocess.run(command, cwd=FOLDER, capture_output=True, text=True, check=False)


def test_the_pure_functions_do_what_they_say() -> None:
    done = run("node", "--test", "--test-reporter=tap")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "# fail 0" in done.stdout


def test_eslint_finds_nothing() -> None:
    if not (FOLDER / "node_modules" / "eslint").is_dir():
        pytest.skip("eslint is not installed: run `npm ci` in tests/browser")
    done = run("npm", "run", "--silent", "lint")
    assert done.returncode == 0, done.stdout + done.stderr
