"""One server for all tests here, a page for each, and the programs they are run in."""

from __future__ import annotations

import os
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
import server


@pytest.fixture(scope="session")
def browser_ready():
    if os.environ.get("PROTOLABEL_BROWSER_TESTS") != "1":
        pytest.skip("set PROTOLABEL_BROWSER_TESTS=1 to run JupyterLab in Chromium")
    if server.CHROMIUM is None:
        pytest.fail("PROTOLABEL_BROWSER_TESTS=1, but there is no chromium on the PATH")


@pytest.fixture(scope="session")
def lab(browser_ready, tmp_path_factory):
    """The address of a running JupyterLab, and the folder of its notebooks."""
    with server.running_lab(tmp_path_factory.mktemp("lab")) as running:
        yield running


@pytest.fixture(params=server.PROGRAMS)
def program(request):
    """JupyterLab, then Notebook 7: what holds in one holds in the other."""
    if request.param == "Notebook 7" and find_spec("notebook") is None:
        pytest.skip("Notebook 7 is not installed: pip install '.[dev]'")
    return request.param


@pytest.fixture
def page(browser_ready):
    """A page that fails the test when anything but our server is asked for."""
    with server.open_page() as opened:
        yield opened
