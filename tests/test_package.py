from __future__ import annotations

import re
import subprocess
import sys
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


def test_public_names_are_sorted_and_resolve():
    # Constants, classes, functions, each by name: as the linter sorts them.
    order = sorted(set(pl.__all__), key=lambda name: (not name.isupper(), name.islower(), name))
    assert pl.__all__ == order
    for name in pl.__all__:
        assert getattr(pl, name) is not None
    assert set(pl.__all__) <= set(dir(pl))


@pytest.mark.parametrize("name", sorted(pl._HOME))
def test_a_name_is_what_its_module_calls_public(name):
    value = getattr(pl, name)
    module = sys.modules[f"protolabel.{pl._HOME[name]}"]
    assert name in module.__all__
    assert value is getattr(module, name)
    assert getattr(value, "__doc__", None)


def test_export_stays_a_function_whatever_is_imported_first():
    code = "import protolabel.exporting.dataset, protolabel as pl; print(pl.export.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "export"


def test_type_checkers_see_every_public_name():
    text = (ROOT / "protolabel" / "__init__.py").read_text("utf-8")
    block = text.partition("if TYPE_CHECKING:")[2].partition("\ndef ")[0]
    seen = set(re.findall(r"\b[A-Za-z_]+\b", re.sub(r"from \S+ import", "", block)))
    assert set(pl._HOME) <= seen


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="no attribute 'annotat'"):
        _ = pl.annotat


def test_the_version_is_the_newest_of_the_changelog():
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == pl.__version__
