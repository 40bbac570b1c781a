"""The scripts and style sheets that widgets and pages load."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from protolabel.browser import bundle

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder of modules."""
    monkeypatch.setattr(bundle, "_FOLDER", tmp_path)
    bundle.module.cache_clear()
    yield tmp_path
    bundle.module.cache_clear()


@pytest.mark.parametrize(
    "entry", ["map_widget", "grid", "shortcuts", "replay", "lesson_widget", "lesson_page"]
)
def test_a_bundle_is_one_script_without_imports(entry: str) -> None:
    script = bundle.module(entry)
    assert not re.search(r"^\s*import\b", script, re.MULTILINE)
    assert len(re.findall(r"^export ", script, re.MULTILINE)) == (
        entry not in {"replay", "lesson_page"}
    )
    assert "innerHTML" not in script


def test_modules_stand_in_the_order_of_their_imports_and_keep_their_names(folder: Path) -> None:
    (folder / "low.js").write_text("const hidden = 1;\nexport function low() { return hidden; }\n")
    (folder / "high.js").write_text('import { low } from "./low.js";\nexport const high = low();\n')
    (folder / "entry.js").write_text(
        'import { low } from "./low.js";\nimport { high } from "./high.js";\n'
        "const hidden = 2;\nexport default { high, low, hidden };\n"
    )
    script = bundle.module("entry")
    assert script.index("const $low") < script.index("const $high") < script.index("hidden = 2")
    assert script.count("(() => {") == 2
    assert "return { low };" in script
    assert script.rstrip().endswith("export default { high, low, hidden };")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('import low from "./low.js";\n', "entry.js:1: expected 'import"),
        ("const a = 1;\nexport { a };\n", "entry.js:2: expected an exported"),
        ('import { absent } from "./low.js";\n', "low.js does not export absent"),
        ('import { entry } from "./circle.js";\n', "entry -> circle -> entry"),
    ],
)
def test_what_the_bundle_cannot_join_is_refused(folder: Path, text: str, message: str) -> None:
    (folder / "low.js").write_text("export const low = 1;\n")
    (folder / "circle.js").write_text('import { a } from "./entry.js";\nexport const entry = a;\n')
    (folder / "entry.js").write_text(text)
    with pytest.raises(SyntaxError, match=message):
        bundle.module("entry")
