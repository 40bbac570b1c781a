"""Text in the cells of a CSV file, safe to open in a spreadsheet, and tables of such cells.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-``, ``@`` or a control character as a
formula. Such a cell gets an apostrophe in front, and so does one that begins with apostrophes
before such a character, so that every text comes back as it was. The rule is that of OWASP,
"CSV Injection".
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read_cell", "read_rows", "safe_cell"]

_RUNS = re.compile(r"'*[=+\-@\t\r\n]")


def safe_cell(value: Any) -> Any:
    """Return a value that is safe in a cell: text that would run gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _RUNS.match(value) else value


def read_cell(text: str) -> str:
    """Return the text that `safe_cell` was given."""
    return text[1:] if text.startswith("'") and _RUNS.match(text, 1) else text


def read_rows(path: Path) -> tuple[list[str], list[dict[str, str]]]:
    """Read a text table with a header line, as spreadsheets write it.

    Parameters
    ----------
    path : Path
        In UTF-8 or UTF-16, with commas, semicolons or tabs.

    Returns
    -------
    heads : list of str
        Names of the columns.
    rows : list of dict of str to str
        Column name -> cell for each row; "" where a row is short.

    Raises
    ------
    OSError, UnicodeDecodeError, csv.Error
        If it cannot be read.
    """
    raw = path.read_bytes()
    utf16 = raw.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    text = raw.decode("utf-16" if utf16 else "utf-8-sig")
    if utf16 and "\n" not in text:
        raise csv.Error("it has no lines of text")
    separator = max(",;\t", key=text.partition("\n")[0].count)
    rows = csv.DictReader(io.StringIO(text, newline=""), delimiter=separator)
    rows.fieldnames = [read_cell(head or "") for head in rows.fieldnames or ()]
    heads = [head for head in rows.fieldnames if head]
    return heads, [
        {head: read_cell(cell or "") for head, cell in row.items() if isinstance(head, str)}
        for row in rows
    ]
