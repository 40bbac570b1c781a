"""A page in one HTML file: data, script and style inside, and nothing to load."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.browser.bundle import module, style

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["html_page", "packed", "still_page"]


def packed(values: NDArray[Any]) -> str:
    """Return the bytes of an array, compressed, as text for the data of a page.

    Parameters
    ----------
    values : ndarray
        Any shape and type; the script of the page must know both.

    Returns
    -------
    str
        Base64 of gzip.
    """
    raw = np.ascontiguousarray(values).tobytes()
    return base64.b64encode(gzip.compress(raw, 6, mtime=0)).decode("ascii")


def html_page(title: str, content: dict[str, Any], *, entry: str, sheets: tuple[str, ...]) -> str:
    """Return a page that shows its data with a script of this folder.

    Parameters
    ----------
    title : str
        Title of the page.
    content : dict
        Data for the script, of plain JSON values; the script reads the element ``#data`` and draws
        into ``#page``.
    entry : str
        Module of this folder, without ``.js``.
    sheets : tuple of str
        Style sheets of this folder, without ``.css``.

    Returns
    -------
    str
        HTML whose policy allows its own script and style, and no connection.
    """
    script, css = module(entry), style(*sheets)
    # A name may contain "</script>", so every "<" in the data is escaped.
    data = json.dumps(content).replace("<", "\\u003c")
    return (
        f"{_head(title, css, script)}"
        '<body class="pl-page">\n<main id="page"></main>\n'
        "<noscript>This page needs JavaScript.</noscript>\n"
        f'<script type="application/json" id="data">{data}</script>\n'
        f'<script type="module">{script}</script>\n</body>\n</html>\n'
    )


def still_page(title: str, css: str, body: str) -> str:
    """Return a page without a script.

    Parameters
    ----------
    title : str
        Title of the page.
    css : str
        Its style sheet.
    body : str
        HTML; pictures are ``data:`` URLs, and no element has a style of its own.

    Returns
    -------
    str
        HTML whose policy allows its own style and pictures, no script and no connection.
    """
    return f"{_head(title, css)}<body>\n{body}\n</body>\n</html>\n"


def _head(title: str, css: str, script: str | None = None) -> str:
    """Return a page up to its body, with its content security policy."""
    allowed = "" if script is None else f"script-src '{_digest(script)}'; "
    policy = (
        f"default-src 'none'; {allowed}style-src '{_digest(css)}'; "
        "img-src data: blob:; base-uri 'none'; form-action 'none'"
    )
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="generator" content="protolabel">\n'
        f"<title>{html.escape(_shown(title))}</title>\n<style>{css}</style>\n</head>\n"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii")


def _shown(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
