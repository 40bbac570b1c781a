"""Names that are code, in the studio's widgets and in every page that protolabel writes."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import ipywidgets
from small_world import ColourEncoder, draw
from tally import Different, Tally

import protolabel as pl
from protolabel import exporting
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator

HURT = "<img src=x onerror=window.hurt=1>"
CLASSES = [
    f"</script>{HURT}", "'\"><svg onload=window.hurt=1>", "javascript:window.hurt=1//",
    "{{constructor.constructor('window.hurt=1')()}}", "]]><script>window.hurt=1</script>",
    "\u202egnp.exe", "red", "=HYPERLINK(\"http://x\")", "&lt;b&gt;", "${window.hurt=1}", "a" * 200,
]  # fmt: skip
FILES = [
    "<img src=x onerror=window.hurt=1>.png", "'\"><b onmouseover=window.hurt=1>.png",
    "javascript:window.hurt=1.png", "\udcff\udcfe.png", "`${window.hurt=1}`.png", "&amp;.png",
    "\u202egnp.png", "x" * 200 + ".png",
]  # fmt: skip


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of pages and of widgets."""
    warnings.simplefilter("ignore")
    sys.path.insert(0, str(Path(__file__).parents[2] / "widgets"))
    from host import CHROMIUM, FLAGS, Host
    from playwright.sync_api import sync_playwright

    photos = work / "photos"
    photos.mkdir(parents=True)
    for number, name in enumerate(FILES):
        draw("red" if number % 2 else "blue", number).save(photos / name, format="PNG")
    session = pl.Session(photos, CLASSES, encoder=ColourEncoder(), store=work / "store",
                         progress=silent)  # fmt: skip
    session.pin(0, CLASSES[0])
    session.export(work / "dataset", formats=list(exporting.WRITERS))
    session.to_html(work / "replay.html", title=f"{HURT}</title>")
    exporting.write_audit(work / "dataset", work / "audit", 8)
    pages = [work / "replay.html", work / "audit" / "contact_sheet.html",
             *sorted((work / "dataset").glob("*.html"))]  # fmt: skip
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        tally = Tally("hostile names: pages")
        for path in pages:
            with tally.attempt(path.name):
                page = opened.new_page()
                asked: list[str] = []
                page.on("request", lambda r: asked.append(r.url))  # noqa: B023
                page.goto(path.as_uri())
                page.wait_for_timeout(500)
                _check(page, [u for u in asked if not u.startswith(("file:", "blob:", "data:"))])
                page.close()
        yield tally
        tally = Tally("hostile names: widgets")
        _ = session.widget, session.labels
        session.widget.map.wait(60)
        shown = list(ipywidgets.widgets.widget._instances.values())
        page = opened.new_page()
        for panel in shown:
            if isinstance(panel, ipywidgets.HTML) and panel.value:
                with tally.attempt("HTML"):
                    page.set_content(panel.value)
                    _check(page, [])
        page.close()
        for widget in (one for one in shown if "render" in str(getattr(one, "_esm", ""))):
            with tally.attempt(type(widget).__name__):
                page = opened.new_page()
                host = Host(page, widget)
                page.wait_for_timeout(500)
                _check(page, host.requests)
                page.close()
        yield tally
        opened.close()
    session.close()


def _check(page: object, asked: list[str]) -> None:
    if page.evaluate("window.hurt"):
        raise Different("a name ran as code")
    if asked:
        raise Different(f"a name made a request: {asked[:2]}")
