"""Bundle ES modules and style sheets for widgets and pages.

anywidget and ``replay.html`` each need a single script without imports. `module` follows the
imports of an entry module and wraps every other module, in the order of their dependencies, in a
function of its own, so that names do not clash. Its exports become an object::

    const $points = (() => { ...; return { Cloud, Grid }; })();

The modules use a small part of the language, which `module` checks line by line: an import is
``import { a, b } from "./name.js";``, an export is ``export function``, ``export class``,
``export const`` or, in an entry module, ``export default``. Anything else raises an error here,
before a browser runs it.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import NamedTuple

from protolabel.common.palette import css_variables

__all__ = ["module", "style"]

_FOLDER = Path(__file__).parent
_IMPORT = re.compile(r'import \{ (?P<names>\w+(?:, \w+)*) \} from "\./(?P<module>\w+)\.js";')
_EXPORT = re.compile(r"export (?:async )?(?:function|class|const) (?P<name>\w+)\b.*")

# The dark theme applies on a map that is set to dark, in a notebook with a dark theme and, where no
# notebook says which, if the system is dark: theme.js decides so for the map.
_PARTS = (".pls-panel", ".pls-pictures")
_LIGHT = ", ".join([*_PARTS, ".pl-map", ".pl-page"])
_NOTEBOOKS = (
    'body[data-jp-theme-light="false"]', "body.vscode-dark",
    "body.vscode-high-contrast:not(.vscode-high-contrast-light)", 'html[theme="dark"]',
    'html[data-theme="dark"]',
)  # fmt: skip
_UNKNOWN = (
    'html:not([theme], [data-theme="light"]) body:not([data-jp-theme-light], .vscode-light, '
    ".vscode-high-contrast-light)"
)
_DARK = ", ".join(
    [*(f"{page} {part}" for page in _NOTEBOOKS for part in _PARTS), '.pl-map[data-theme="dark"]']
)
_SYSTEM = ", ".join([*(f"{_UNKNOWN} {part}" for part in _PARTS), ".pl-page"])


class _Source(NamedTuple):
    imports: list[tuple[str, str]]  # (module, names as written)
    exports: list[str]
    body: str


@cache
def module(entry: str) -> str:
    """Return an entry module and everything it imports as one ES module.

    Parameters
    ----------
    entry : str
        Name of a file of this folder, without ``.js``. It comes last and keeps the scope of the
        script, with its ``export default`` if it has one.

    Returns
    -------
    str
        JavaScript without imports.

    Raises
    ------
    SyntaxError
        If a module imports or exports in another form than the docstring of this file describes,
        imports a name that is not exported, or if imports form a cycle.
    """
    sources: dict[str, _Source] = {}
    _collect(entry, sources, ())
    scopes = [
        f"const ${name} = (() => {{\n{_imports(source, sources)}{source.body}"
        f"return {{ {', '.join(source.exports)} }};\n}})();\n"
        for name, source in sources.items()
        if name != entry
    ]
    last = sources[entry]
    return "\n".join([*scopes, f"{_imports(last, sources)}{last.body}"])


@cache
def style(*names: str) -> str:
    """Return style sheets of this folder, preceded by the colours that they use.

    Parameters
    ----------
    *names : str
        Names of files, without ``.css``.

    Returns
    -------
    str
        CSS.
    """
    colours = (
        f"{_LIGHT} {{ {css_variables(dark=False)} }}\n"
        f"{_DARK} {{ {css_variables(dark=True)} }}\n"
        f"@media (prefers-color-scheme: dark) {{ {_SYSTEM} {{ {css_variables(dark=True)} }} }}\n"
    )
    return colours + "".join((_FOLDER / f"{name}.css").read_text("utf-8") for name in names)


def _collect(name: str, sources: dict[str, _Source], above: tuple[str, ...]) -> None:
    """Add a module after those that it imports."""
    if name in above:
        raise SyntaxError(f"These modules import each other: {' -> '.join([*above, name])}.")
    if name in sources:
        return
    source = _read(name)
    for other, _ in source.imports:
        _collect(other, sources, (*above, name))
    sources[name] = source


def _read(name: str) -> _Source:
    imports, exports, body = [], [], []
    for number, line in enumerate((_FOLDER / f"{name}.js").read_text("utf-8").splitlines(), 1):
        where = f"{name}.js:{number}"
        if line.startswith("import"):
            found = _IMPORT.fullmatch(line)
            if found is None:
                raise SyntaxError(f"{where}: expected 'import {{ a }} from \"./b.js\";' in a line.")
            imports.append((found["module"], found["names"]))
        elif line.startswith("export default "):
            body.append(line)
        elif line.startswith("export"):
            found = _EXPORT.fullmatch(line)
            if found is None:
                raise SyntaxError(f"{where}: expected an exported function, class or const.")
            exports.append(found["name"])
            body.append(line.removeprefix("export "))
        else:
            body.append(line)
    return _Source(imports, exports, "\n".join(body) + "\n")


def _imports(source: _Source, sources: dict[str, _Source]) -> str:
    lines = []
    for other, names in source.imports:
        missing = set(names.split(", ")) - set(sources[other].exports)
        if missing:
            raise SyntaxError(f"{other}.js does not export {', '.join(sorted(missing))}.")
        lines.append(f"const {{ {names} }} = ${other};\n")
    return "".join(lines)
