"""Build the reference of the public API from its docstrings.

python -W error docs/build.py FOLDER        # open FOLDER/index.html
"""

from __future__ import annotations

import sys
from importlib import import_module
from pathlib import Path

import pdoc
import pdoc.doc
import pdoc.render

MODULES = (
    "protolabel",
    "protolabel.plots",
    "protolabel.samples",
    "protolabel.widgets",
)


def build(folder: Path) -> None:
    """Write the pages into a folder."""
    for name in MODULES:
        module = import_module(name)
        # Names are loaded when they are first used, and pdoc sees only those that are there.
        vars(module).update({one: getattr(module, one) for one in module.__all__})
    pdoc.render.configure(docformat="numpy", footer_text=f"protolabel {_version()}", search=True)
    pdoc.pdoc(*MODULES, output_directory=folder)


def _version() -> str:
    return str(import_module("protolabel").__version__)


if __name__ == "__main__":
    build(Path(sys.argv[1]))
