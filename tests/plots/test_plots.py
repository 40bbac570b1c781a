from __future__ import annotations

import io
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from protolabel import plots
from protolabel.errors import ExportError
from protolabel.evaluation import Audit, TemperatureSweep

if TYPE_CHECKING:
    from collections.abc import Callable

HOSTILE = ["$x^2$", "$broken", "_hidden", "a" * 300, "", "line\nbreak", "%s {} \\frac", "犬", "🦊"]


def rendered(figure) -> np.ndarray:
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph")
        warnings.filterwarnings("ignore", message="Matplotlib currently")
        figure.savefig(buffer, format="png", dpi=60)
    with Image.open(buffer) as image:
        return np.asarray(image.convert("RGB"))


def texts(figure) -> list[str]:
    from matplotlib.text import Text

    return [text.get_text() for text in figure.findobj(Text) if text.get_text()]


def every_figure(names: list[str], n: int) -> dict[str, Callable]:
    rng = np.random.default_rng(0)
    count = len(names)
    label = rng.integers(0, count, n)
    steps = 4
    mass = np.tile(np.bincount(label, minlength=count), (steps, 1))
    xy = rng.normal(size=(n, 2))
    return {
        "counts": lambda: plots.plot_counts(names, np.bincount(label, minlength=count)),
        "agreement": lambda: plots.plot_agreement(names, label, rng.random(n)),
        "alignment": lambda: plots.plot_alignment(names, rng.dirichlet(np.ones(count), 9)),
        "confusion": lambda: plots.plot_confusion(names, rng.integers(0, 30, (count, count))),
        "map": lambda: plots.plot_map(xy, label, names, rng.normal(size=(steps, count, 2))),
        "convergence": lambda: plots.plot_convergence(
            names, np.zeros(steps), np.zeros(steps), mass, iteration=2
        ),
        "sheet": lambda: plots.plot_contact_sheet(names, [(0, [Path("missing.png")])]),
        "pictures": lambda: plots.plot_pictures([Path("missing.png")] * count, names),
        "maps": lambda: plots.plot_maps(xy, {"now": label, "then": label}, names),
        "recall": lambda: plots.plot_recall(names, {"now": rng.integers(0, 9, (count, count))}),
        "gap": lambda: plots.plot_gap(
            rng.normal(size=(n, 6)), rng.normal(size=(count, 6)), names, label
        ),
    }


@pytest.mark.parametrize("kind", every_figure(["a"], 1))
@pytest.mark.parametrize("case", ["one", "hostile", "forty"])
def test_every_picture_is_drawn_for_any_names(kind: str, case: str) -> None:
    names = {"one": ["dog"], "hostile": HOSTILE, "forty": [f"class {i}" for i in range(40)]}[case]
    figure = every_figure(names, 1 if case == "one" else 200)[kind]()
    pixels = rendered(figure)
    assert (pixels != 255).any()
    assert (pixels[:, :2] == 255).all()  # nothing is cut off at the left edge
    if case == "hostile" and kind != "sheet":
        assert any("$x^2$" in text for text in texts(figure))
        assert any("_hidden" in text for text in texts(figure))


def test_a_confusion_matrix_shows_its_counts() -> None:
    figure = plots.plot_confusion(["cat", "dog"], [[7, 1], [0, 1200]])
    shown = texts(figure)
    assert {"7", "1", "1,200", "1,207 of 1,208 labels are right"} <= set(shown)
    assert "0" not in shown


def test_no_window_and_no_global_state() -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    for make in every_figure(["dog", "cat"], 10).values():
        rendered(make())
    assert dict(mpl.rcParams) == before
    if "matplotlib.pyplot" in sys.modules:
        assert not sys.modules["matplotlib.pyplot"].get_fignums()


def test_colours_differ() -> None:
    colours = plots.class_colours(40)
    assert colours.shape == (40, 3)
    assert len(np.unique(colours.round(3), axis=0)) == 40
    assert colours.min() >= 0
    assert colours.max() <= 1
    np.testing.assert_array_equal(plots.class_colours(3), colours[:3])


def test_more_clusters_than_pixels() -> None:
    table = np.random.default_rng(0).dirichlet(np.ones(3), 5000)
    assert rendered(plots.plot_alignment(["a", "b", "c"], table)).size


def test_the_map_draws_every_image_once() -> None:
    label = np.random.default_rng(0).integers(0, 3, 1000)
    figure = plots.plot_map(np.random.default_rng(1).normal(size=(1000, 2)), label, ["a", "b", "c"])
    assert sum(len(line.get_xdata()) for line in figure.axes[0].lines) == 1000


def test_pictures_of_a_dataset(image_folder: Path, encoder, tmp_path: Path) -> None:
    from protolabel.clustering.clusters import Clusters
    from protolabel.common.progress import silent
    from protolabel.common.vectors import unit_rows
    from protolabel.embedding.embed import embed_images
    from protolabel.embedding.prompts import embed_classes
    from protolabel.exporting import export
    from protolabel.images import find_images
    from protolabel.refinement.labels import label
    from protolabel.refinement.loop import refine

    embedded = embed_images(find_images(image_folder), encoder, progress=silent)
    classes = embed_classes(["red", "green", "blue"], encoder)
    micro = np.arange(len(embedded)) % 2
    micro = micro.astype(np.int32)
    centroids = unit_rows(np.stack([embedded.vectors[micro == i].mean(0) for i in (0, 1)]))
    clusters = Clusters(micro, micro, centroids, np.arange(2, dtype=np.int32), centroids)
    run = refine(embedded.vectors, classes, clusters, progress=silent)
    folder = export(
        label(run, 2), embedded, tmp_path / "out", projection=embedded.vectors[:, :2],
        progress=silent,
    ).folder  # fmt: skip
    saved = plots.save_plots(folder)
    assert [path.name for path in saved] == [
        "class_counts.png", "agreement.png", "micro_alignment.png", "meta_alignment.png",
        "map.png", "convergence.png", "contact_sheet.png",
    ]  # fmt: skip
    assert {path.parent for path in saved} == {tmp_path / "out_plots"}
    assert plots.save_plots(folder) == saved  # its own pictures are replaced
    (tmp_path / "out_plots" / "holiday.png").write_bytes(b"mine")
    with pytest.raises(ExportError, match=r"holiday\.png"):
        plots.save_plots(folder)
    for path in saved:
        with Image.open(path) as image:
            assert min(image.size) > 200
    # A dataset with pictures may still be replaced.
    export(label(run), embedded, folder, formats=["csv"], overwrite=True, progress=silent)
    elsewhere = plots.save_plots(folder, tmp_path / "pictures")
    assert [path.name for path in elsewhere] == [
        "class_counts.png", "agreement.png", "convergence.png",
    ]  # fmt: skip


def test_a_folder_that_is_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="an export wrote"):
        plots.save_plots(tmp_path)
    assert list(tmp_path.iterdir()) == []


def sweep(**changes):
    shape = (2, 2, 3)
    rng = np.random.default_rng(0)
    values = {
        "names": ("a", "b"),
        "temperatures": np.array([0.05, 0.1]),
        "limit": 0.07,
        "points": rng.normal(size=(5, 2)),
        "labels": rng.integers(0, 2, (*shape, 5)),
        "prototypes": rng.normal(size=(*shape, 2, 2)),
        "first_axis": rng.random(shape),
        "effective_classes": 1 + rng.random(shape),
        "spread": rng.random(shape),
        "collapse": np.full((2, 2), -1),
        "accuracy": rng.random(shape),
    }
    return TemperatureSweep(**(values | changes))


def test_a_sweep_is_drawn_with_its_accuracy_or_without() -> None:
    figure = plots.plot_sweep(sweep())
    assert {"Right labels after 2 iterations, %", "zero-shot", "limit "} <= set(texts(figure))
    figure = plots.plot_sweep(sweep(accuracy=None), temperature=0.04)
    assert {"Effective classes after 2 iterations", "iteration, temperature 0.05"} <= set(
        texts(figure)
    )
    assert rendered(figure).std() > 5


def test_how_much_of_each_class_is_right_is_written_into_the_cells() -> None:
    figure = plots.plot_recall(["a", "b"], {"before": [[3, 1], [2, 2]], "after": [[4, 0], [0, 4]]})
    assert {"75%", "50%", "62%", "100%", "before", "after", "all"} <= set(texts(figure))


def test_an_audit_is_drawn_beside_what_agreement_promised() -> None:
    label, agreement = np.repeat([0, 1], 50), np.full(100, 0.97)
    audit = Audit(["a", "b"], label, agreement, 20)
    for k, image in enumerate(audit.images.tolist()):
        audit.correct(image, ["a", "b"][label[image]] if k % 4 else None)
    shown = texts(plots.plot_audit(audit.estimate(), agreement, accuracy=0.7))
    assert {"audit of 20", "75%", "97%", "70%", "all labels, were they known"} <= set(shown)
    assert "all labels, were they known" not in texts(plots.plot_audit(audit.estimate(), agreement))


def test_pictures_stand_under_their_captions(tmp_path: Path) -> None:
    Image.new("RGB", (40, 30), (200, 30, 30)).save(tmp_path / "red.png")
    figure = plots.plot_pictures([tmp_path / "red.png"] * 3, ["a", "b\nb", "c"], columns=2)
    assert {"a", "b\nb", "c"} <= set(texts(figure))
    assert len(figure.axes) == 4
    red = np.all(np.abs(rendered(figure).astype(int) - [200, 30, 30]) < 12, axis=2)
    assert red.sum() > 1000
    assert texts(plots.plot_pictures([tmp_path / "red.png"] * 3, title="In the folder")) == [
        "In the folder"
    ]


def test_pictures_are_not_written_through_a_link_of_a_stranger(image_folder, encoder, tmp_path):
    from protolabel import Session
    from protolabel.common.progress import silent
    from protolabel.errors import ExportError

    own = Session(image_folder, ["red", "green", "blue"], encoder=encoder,
                  store=tmp_path / "store", progress=silent)  # fmt: skip
    own.export(tmp_path / "dataset", formats=["csv"])
    (tmp_path / "mine").mkdir()
    (tmp_path / "dataset_plots").symlink_to(tmp_path / "mine", target_is_directory=True)
    with pytest.raises(ExportError, match="is a link"):
        plots.save_plots(tmp_path / "dataset")
    assert not list((tmp_path / "mine").iterdir())
