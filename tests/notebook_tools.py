"""Run the notebooks, and keep of their outputs what a reader without a kernel can see.

python tests/notebook_tools.py [NAME ...]        # runs them and writes the outputs into them
"""

from __future__ import annotations

import base64
import io
import os
import re
import sys
import tempfile
from pathlib import Path
from unittest import mock

import nbformat
from nbclient import NotebookClient
from PIL import Image

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

_WIDGET = "application/vnd.jupyter.widget-view+json"
# The studio's picture is painted once the map has come to rest.
_REST = "import time as _time; _time.sleep(4)"


def execute(book: nbformat.NotebookNode, folder: Path, *, first: str = "", last: str = "") -> str:
    """Run all cells of a notebook in a folder, in place, between the code `first` and `last`.

    Return what the code `last` prints.
    """
    book.cells.insert(0, nbformat.v4.new_code_cell(first))
    end = nbformat.v4.new_code_cell(f"{_REST}\n{last}")
    book.cells.append(end)
    run(book, folder)
    book.cells.pop()
    del book.cells[0]
    return "".join(out.get("text", "") for out in end.outputs)


def run(book: nbformat.NotebookNode, folder: Path) -> None:
    """Run all cells in a folder, as `jupyter nbconvert --execute`: the kernel ends with them."""
    surroundings = {
        "XDG_CACHE_HOME": str(folder / ".cache"),
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")])),
        "HF_HUB_OFFLINE": "1",
        "TQDM_DISABLE": "1",  # progress bars are widgets
    }
    client = NotebookClient(
        book,
        timeout=240,
        kernel_name="python3",
        record_timing=False,
        store_widget_state=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(folder)}},
    )
    with mock.patch.dict(os.environ, surroundings):
        client.execute()


def tidy(book: nbformat.NotebookNode) -> None:
    """Leave out what needs a kernel, and make pictures small."""
    book.metadata = nbformat.from_dict(
        {
            "kernelspec": {
                "display_name": "Python 3",
                "language": "python",
                "name": "python3",
            },
            "language_info": {"name": "python"},
        }
    )
    for cell in code_cells(book):
        cell.metadata.pop("execution", None)
        kept = []
        for out in cell.outputs:
            data = out.get("data", {})
            was_widget = data.pop(_WIDGET, None) is not None
            if was_widget and set(data) <= {"text/plain"}:
                continue
            if "pls-clean" in data.get("text/html", ""):  # hides what was left out just now
                continue
            if "image/png" in data:
                data["image/png"] = _small(data["image/png"])
                data["text/plain"] = "<picture>"
                out.metadata = {}
            out.pop("transient", None)
            kept.append(out)
        cell.outputs = kept


def code_cells(book: nbformat.NotebookNode) -> list[nbformat.NotebookNode]:
    return [cell for cell in book.cells if cell.cell_type == "code"]


def solved(book: nbformat.NotebookNode) -> nbformat.NotebookNode:
    """Put the solution of every exercise in the place of its blank."""
    solutions = [
        re.search(r"```python\n(.*?)```", cell.source, re.DOTALL).group(1)
        for cell in book.cells
        if "solution" in cell.metadata.get("tags", [])
    ]
    blanks = [cell for cell in book.cells if "exercise" in cell.metadata.get("tags", [])]
    for cell, code in zip(blanks, solutions, strict=True):
        cell.source = code
    return book


def _small(png: str) -> str:
    with Image.open(io.BytesIO(base64.b64decode(png))) as picture:
        flat = Image.new("RGB", picture.size, "white")
        flat.paste(picture, mask=picture.getchannel("A") if "A" in picture.mode else None)
    with io.BytesIO() as file:
        flat.quantize(192, dither=Image.Dither.NONE).save(file, "png", optimize=True)
        return base64.b64encode(file.getvalue()).decode("ascii")


def main(names: list[str]) -> None:
    chosen = [path for path in NOTEBOOKS if not names or any(name in path.name for name in names)]
    for path in chosen:
        book = nbformat.read(path, as_version=4)
        with tempfile.TemporaryDirectory() as folder:
            execute(book, Path(folder))
        tidy(book)
        nbformat.write(book, path)


if __name__ == "__main__":
    main(sys.argv[1:])
