"""The documentation site: `sphinx-build -W -c docs . site`, then open site/index.html.

The pages are the project's Markdown files and notebooks where they lie, so that a link between
two of them works on GitHub and on the site. Nothing is fetched, neither by the build nor by a page.
"""

from __future__ import annotations

import ast
import inspect
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.util.docutils import SphinxDirective
from sphinx.util.inspect import stringify_signature

import protolabel

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

ROOT = Path(__file__).parents[1]

project = "protolabel"
release = version = protolabel.__version__
html_title = f"protolabel {release}"
extensions = ["myst_nb", "numpydoc", "sphinx.ext.autodoc", "sphinx.ext.autosummary",
              "sphinx_copybutton"]  # fmt: skip

root_doc = "docs/index"
include_patterns = [
    "docs/**", "notebooks/*.ipynb", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md",
    "protolabel/samples/MODEL_CARD.md",
]  # fmt: skip
exclude_patterns = [".*", "**/node_modules", "build", "dist", "site", "tests"]
templates_path = ["templates"]
html_additional_pages = {"index": "redirect.html"}

myst_enable_extensions = ["dollarmath", "html_image"]
myst_heading_anchors = 3
nb_execution_mode = "off"  # outputs are committed, and a test runs the notebooks
nb_merge_streams = True
html_math_renderer = "mathml"

default_role = "py:obj"  # `name` in a docstring links where it can
autodoc_typehints = "none"  # the docstrings say types, shapes and ranges
autodoc_member_order = "bysource"
autosummary_generate = False
numpydoc_show_class_members = False
toc_object_entries_show_parents = "hide"
copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True

html_theme = "furo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_show_copyright = False
html_copy_source = False


def setup(app: Sphinx) -> None:
    """Register what takes code."""
    app.add_directive("room", Room)
    app.add_html_math_renderer("mathml", (_inline_formula, None), (_formula, None))
    app.connect("autodoc-process-signature", _signature)
    app.connect("autodoc-skip-member", _skip)
    app.connect("missing-reference", _by_short_name)
    app.connect("doctree-read", _badges_as_text)


class Room(SphinxDirective):
    """Document a room: its docstring, and every name that it hands on, in the order of its stub."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the parsed entries."""
        room = self.arguments[0]
        kinds: dict[str, list[str]] = {"autofunction": [], "autoclass": [], "autodata": []}
        # What a room is named after comes first: Session.
        named = room.rpartition(".")[2]
        for module, name in sorted(_handed_on(room), key=lambda entry: entry[1].lower() != named):
            value = getattr(import_module(room), name)
            if inspect.isroutine(value):
                kinds["autofunction"].append(f".. autofunction:: {room}.{name}")
            elif inspect.isclass(value):
                kinds["autoclass"].append(f".. autoclass:: {room}.{name}\n   :members:")
            else:  # its docstring is known to the module that defines it
                kinds["autodata"].append(f".. autodata:: {module}.{name}\n   :no-value:")
        entries = [entry for kind in kinds.values() for entry in kind]
        return self.parse_text_to_nodes("\n\n".join([f".. automodule:: {room}", *entries]))


def _handed_on(room: str) -> Iterator[tuple[str, str]]:
    stub = ROOT.joinpath(*room.split("."), "__init__.pyi")
    if not stub.is_file():
        yield from ((room, name) for name in import_module(room).__all__)
        return
    for node in ast.parse(stub.read_text("utf-8")).body:
        if isinstance(node, ast.ImportFrom):
            yield from ((f"{room}.{node.module}", alias.name) for alias in node.names)


def _signature(
    app: Sphinx, what: str, name: str, value: Any, options: Any, *written: str | None
) -> tuple[str, None] | None:
    # Sphinx reads the __new__ of traitlets' HasTraits, Python the __init__ of the class.
    if what != "class" or written[0] != "(*args, **kwargs)":
        return None
    if getattr(value, "_is_protocol", False):
        return "", None  # nobody calls it
    signature = inspect.signature(value)
    return stringify_signature(signature, show_annotation=False, show_return_annotation=False), None


def _skip(app: Sphinx, what: str, name: str, *rest: Any) -> bool | None:
    # scikit-learn gives every estimator set_fit_request and its like; a panel builds itself.
    ours = name != "build" and not (name.startswith("set_") and name.endswith("_request"))
    return None if ours else True


def _badges_as_text(app: Sphinx, page: nodes.document) -> None:
    for image in page.findall(nodes.image):
        if "://" in image["uri"]:  # a page fetches nothing
            image.replace_self(nodes.inline("", image["alt"], classes=["badge"]))


def _formula(translator: Any, node: nodes.math_block) -> None:
    translator.body.append(convert(node.astext(), display="block"))
    raise nodes.SkipNode


def _inline_formula(translator: Any, node: nodes.math) -> None:
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def _by_short_name(
    app: Sphinx, env: BuildEnvironment, node: Any, content: nodes.Element
) -> nodes.Element | None:
    """Find `protolabel.Session`, `Session` or `Session.pin` under protolabel.session.Session."""
    name = node.get("reftarget", "").removeprefix("protolabel.")
    if node.get("refdomain") != "py" or not name:
        return None
    domain = env.domains.python_domain
    found = [
        full
        for full, entry in domain.objects.items()
        if full.endswith(f".{name}")
        and not entry.aliased
        # `k` is a parameter more often than an attribute of that name
        and ("." in name or entry.objtype not in {"attribute", "method", "property"})
    ]
    if len(found) != 1:
        return None
    return domain.resolve_xref(env, node["refdoc"], app.builder, "obj", found[0], node, content)
