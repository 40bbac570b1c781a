"""Text in the cells of a CSV file, safe to open in a spreadsheet.

Spreadsheets run a cell that begins with ``=``, ``+``, ``-``, ``@`` or a control character as a
formula. Such a cell gets an apostrophe in front, and so does one that begins with apostrophes
before such a character, so that every text comes back as it was. The rule is that of OWASP,
"CSV Injection".
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["read_cell", "safe_cell"]

_RUNS = re.compile(r"'*[=+\-@\t\r\n]")


def safe_cell(value: Any) -> Any:
    """Return a value as it may stand in a cell: text that would run gets an apostrophe."""
    return f"'{value}" if isinstance(value, str) and _RUNS.match(value) else value


def read_cell(text: str) -> str:
    """Return the text that `safe_cell` was given."""
    return text[1:] if text.startswith("'") and _RUNS.match(text, 1) else text
