"""The site is built without a warning, links lead somewhere, and figures are the code's."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

import protolabel as pl

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md")), *NOTEBOOKS]
HOME = "https://github.com/OWNER/protolabel/blob/main/"


class Links(HTMLParser):
    """Ids of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.targets: set[str] = set()
        self.fetched: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.add(value)
            elif name in ("href", "src") and tag != "svg":
                self.targets.add(value)
                if name == "src" or tag == "link":
                    self.fetched.add(value)


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    if find_spec("sphinx") is None:
        pytest.skip("sphinx is not installed: pip install '.[docs]'")
    folder = tmp_path_factory.mktemp("site")
    trees = tmp_path_factory.mktemp("trees")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(trees)]
    done = subprocess.run(
        [*command, "-c", str(ROOT / "docs"), str(ROOT), str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=280,
    )
    assert (done.returncode, done.stderr) == (0, "")
    return folder


ROOMS = sorted(path.parent.name for path in (ROOT / "protolabel").glob("*/__init__.pyi"))


@pytest.mark.parametrize("room", [*ROOMS, "errors"])
def test_every_name_that_a_room_hands_on_is_in_the_reference(site, room):
    ids = {name.rpartition(".")[2] for name in reference(site, room).ids}
    assert set(import_module(f"protolabel.{room}").__all__) <= ids


def test_every_public_name_is_on_the_first_page_of_the_reference_and_leads_on(site):
    page = (site / "docs" / "api" / "index.html").read_text("utf-8")
    for name in set(pl.__all__) - {"__version__"}:
        assert re.search(rf'href="[^"]*\.{name}"', page), name


def test_the_reference_of_a_session_has_its_settings_stages_and_methods(site):
    members = ("pin", "undo", "evaluate", "add_class", "labels", "temperature", "close")
    ids = reference(site, "session").ids
    assert {f"protolabel.session.Session.{name}" for name in members} <= ids


def reference(site: Path, room: str) -> Links:
    return Links((site / "docs" / "api" / f"{room}.html").read_text("utf-8"))


def test_every_page_of_ours_is_on_the_site_and_can_be_searched(site):
    searched = (site / "searchindex.js").read_text("utf-8")
    for page in PAGES:
        if page.name != "README.md":
            name = page.relative_to(ROOT).with_suffix("").as_posix()
            assert (site / f"{name}.html").is_file()
            assert f'"{name}"' in searched


def test_no_link_of_the_site_is_broken_and_no_page_fetches_anything(site):
    pages = {page: Links(page.read_text("utf-8")) for page in site.rglob("*.html")}
    broken = []
    for page, links in pages.items():
        broken += [(page.name, target) for target in links.fetched if urlsplit(target).netloc]
        for target in links.targets:
            where = urlsplit(target)
            if where.scheme or where.netloc:
                continue
            file = (page.parent / unquote(where.path)).resolve() if where.path else page
            known = pages[file].ids if file in pages else {""}
            if not file.is_file() or (where.fragment and unquote(where.fragment) not in known):
                broken.append((page.name, target))
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_link_between_our_pages_is_broken(page):
    broken = []
    for target in re.findall(r"(?<!\!)\[[^\]]*\]\(([^)\s]+)\)", markdown(page)):
        base = ROOT if target.startswith(HOME) else page.parent
        where = urlsplit(target.removeprefix(HOME))
        if where.scheme:
            continue
        file = (base / unquote(where.path)).resolve() if where.path else page
        if not file.exists() or (where.fragment and where.fragment not in anchors(file)):
            broken.append(target)
    assert broken == []


def test_the_pictures_of_our_pages_are_there_and_load_at_once():
    found = r'(?:!\[[^\]]*\]\(|<img [^>]*src=")([^)"\s:]+)[)"]'
    shown = {page.parent / one for page in PAGES for one in re.findall(found, markdown(page))}
    assert ROOT / "docs" / "images" / "studio_light.webp" in shown
    for picture in shown | set((ROOT / "docs" / "images").iterdir()):
        assert 0 < picture.stat().st_size < 600_000, picture.name


def markdown(page: Path) -> str:
    if page.suffix != ".ipynb":
        return page.read_text("utf-8")
    cells = json.loads(page.read_text("utf-8"))["cells"]
    return "\n".join("".join(c["source"]) for c in cells if c["cell_type"] == "markdown")


def anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", markdown(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", one.lower()).replace(" ", "-") for one in headings}


def test_the_defaults_on_the_page_of_the_algorithm_are_those_of_the_code():
    text = (ROOT / "docs" / "algorithm.md").read_text("utf-8")
    rows = re.findall(r"\| ([\d.]+) \| `([\w.]+)\.(\w+)(?:\((\w+)\))?` \|$", text, re.MULTILINE)
    assert len(rows) >= 15
    for value, module, name, parameter in rows:
        found = getattr(import_module(f"protolabel.{module}"), name)
        if parameter:
            found = inspect.signature(found).parameters[parameter].default
        assert found == float(value), f"{module}.{name}"
