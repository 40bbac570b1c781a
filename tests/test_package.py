from __future__ import annotations

import ast
import re
import subprocess
import sys
from importlib import import_module
from pathlib import Path

import pytest

import protolabel as pl

ROOT = Path(__file__).parents[1]
HEAVY = [
    "hdbscan", "ipywidgets", "matplotlib", "numba", "numpy", "open_clip", "pandas", "plotly",
    "pyarrow", "pynndescent", "scipy", "sklearn", "torch", "tqdm", "umap",
]  # fmt: skip


def loaded(statement: str) -> set[str]:
    """Top-level modules in memory after a statement in a fresh interpreter."""
    code = f"import sys\n{statement}\nprint(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy():
    assert loaded("import protolabel; dir(protolabel)").isdisjoint(HEAVY)


def test_finding_images_and_naming_classes_loads_no_model_and_no_layout():
    names = "find_images, ImageSet, ClassVectors, Session, refine, cluster, project, label"
    after = loaded(f"from protolabel import {names}")
    assert after.isdisjoint(set(HEAVY) - {"numpy", "tqdm"} - {"ipywidgets"})


def test_public_names_resolve():
    assert "Session" in pl.__all__
    for name in pl.__all__:
        assert getattr(pl, name) is not None
    assert set(pl.__all__) <= set(dir(pl))


def handed_on(package: str) -> list[tuple[str, str]]:
    """``(module, name)`` of everything that a package's stub hands on."""
    tree = ast.parse((ROOT / package.replace(".", "/") / "__init__.pyi").read_text("utf-8"))
    found = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
    return [(f"{package}.{node.module}", alias.name) for node in found for alias in node.names]


PACKAGES = sorted(
    ".".join(stub.relative_to(ROOT).parent.parts)
    for stub in (ROOT / "protolabel").rglob("__init__.pyi")
)


@pytest.mark.parametrize(
    ("package", "module", "name"),
    [(package, module, name) for package in PACKAGES for module, name in handed_on(package)],
)
def test_a_name_is_what_its_module_calls_public(package, module, name):
    value = getattr(import_module(package), name)
    if hasattr(import_module(module), "__all__"):
        assert name in import_module(module).__all__
    assert value is getattr(import_module(module), name)
    if callable(value):
        assert value.__doc__


@pytest.mark.parametrize("package", PACKAGES)
def test_a_stub_calls_public_what_it_hands_on(package):
    stub = (ROOT / package.replace(".", "/") / "__init__.pyi").read_text("utf-8")
    public = ast.literal_eval(stub.partition("__all__ = ")[2])
    assert sorted(public) == sorted(
        {name for _, name in handed_on(package)} | ({"__version__"} & set(public))
    )


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_has_the_name_of_something_that_its_room_hands_on(package):
    """Else importing the module would hide the function."""
    room = ROOT / package.replace(".", "/")
    inside = {path.stem for path in room.iterdir()}
    assert inside.isdisjoint(name for _, name in handed_on(package))


def test_export_stays_a_function_whatever_is_imported_first():
    code = "import protolabel.exporting.dataset, protolabel as pl; print(pl.export.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "export"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="annotat"):
        _ = pl.annotat


def test_the_version_is_the_newest_of_the_changelog():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == pl.__version__


SCRIPTS = sorted((ROOT / "tests" / "benchmarks").rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_a_benchmark_imports_what_the_package_has(script):
    """No test runs the benchmarks, so a name that moves would break them unseen."""
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("protolabel"):
            names = ", ".join(alias.name for alias in node.names)
            exec(f"from {node.module} import {names}", {})
