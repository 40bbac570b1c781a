"""Sample pictures: deterministic, recognisable in size and mode, silent about what they show."""

import itertools
import re

import numpy as np
import pytest
from PIL import Image

from protolabel.errors import ExportError, InputError
from protolabel.samples import (
    ANIMALS,
    DEMO_CLASSES,
    DEMO_STYLES,
    STYLES,
    TRAINING_STYLES,
    draw_animal,
    write_sample_pictures,
)
from protolabel.samples.drawing.animals import build
from protolabel.samples.drawing.shapes import ellipse, petal, place, spline, tube


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("name", ANIMALS)
def test_every_animal_draws_in_every_style(name, style):
    picture = draw_animal(name, style=style, seed=5, size=64)
    assert picture.mode == "RGB"
    assert picture.size == (64, 64)
    assert np.asarray(picture).std() > 5


@pytest.mark.parametrize("style", STYLES)
def test_same_seed_same_pixels_other_seed_other_pixels(style):
    first = draw_animal("tiger", style=style, seed=3, size=64)
    assert first.tobytes() == draw_animal("tiger", style=style, seed=3, size=64).tobytes()
    assert first.tobytes() != draw_animal("tiger", style=style, seed=4, size=64).tobytes()


def test_styles_for_the_demo_are_not_styles_of_the_training():
    assert not set(DEMO_STYLES) & set(TRAINING_STYLES)
    assert set(STYLES) == {*DEMO_STYLES, *TRAINING_STYLES}
    assert set(DEMO_CLASSES) <= set(ANIMALS)


@pytest.mark.parametrize("name", ANIMALS)
def test_many_seeds_give_finite_shapes_and_known_colours(name):
    for seed in range(40):
        layers, palette = build(name, np.random.default_rng(seed))
        for layer in layers:
            for shape in (*layer.shapes, *layer.marks):
                assert np.isfinite(shape.points).all()
                assert shape.role in palette


@pytest.mark.parametrize(
    ("name", "options"),
    [("unicorn", {}), ("dog", {"style": "cubist"}), ("dog", {"size": 3}), ("dog", {"seed": -1})],
)
def test_what_cannot_be_drawn_is_refused(name, options):
    with pytest.raises(InputError, match="Expected"):
        draw_animal(name, **options)


def test_a_folder_of_pictures_with_its_truth(tmp_path):
    made = write_sample_pictures(tmp_path / "a", per_class=3, seed=1, size=32)
    files = sorted(p.name for p in made.folder.iterdir())
    assert files == list(made.truth) == list(made.styles)
    assert len(made) == 3 * len(DEMO_CLASSES)
    assert sorted(made.truth.values()) == sorted(DEMO_CLASSES * 3)
    assert set(made.styles.values()) <= set(DEMO_STYLES)
    for file in files:
        with Image.open(made.folder / file) as picture:
            assert (picture.format, picture.size) == ("JPEG", (32, 32))


def test_names_do_not_reveal_the_class(tmp_path):
    made = write_sample_pictures(tmp_path, per_class=6, seed=2, size=16)
    assert all(re.fullmatch(r"picture_\d{4}\.jpg", file) for file in made.truth)
    in_order = list(made.truth.values())
    changes = sum(a != b for a, b in itertools.pairwise(in_order))
    assert changes > len(DEMO_CLASSES) * 2  # sorted by class there would be one less than classes


def test_the_same_seed_writes_the_same_bytes(tmp_path):
    options = {"classes": ["cat", "lion"], "per_class": 2, "size": 32}
    one = write_sample_pictures(tmp_path / "1", seed=7, **options)
    two = write_sample_pictures(tmp_path / "2", seed=7, **options)
    other = write_sample_pictures(tmp_path / "3", seed=8, **options)
    assert dict(one.truth) == dict(two.truth)
    bytes_of = [[(m.folder / f).read_bytes() for f in m.truth] for m in (one, two, other)]
    assert bytes_of[0] == bytes_of[1] != bytes_of[2]


@pytest.mark.parametrize("options", [{"classes": []}, {"styles": []}, {"per_class": 0}])
def test_an_empty_request_is_refused(tmp_path, options):
    with pytest.raises(InputError, match="at least one"):
        write_sample_pictures(tmp_path / "never", **options)
    assert not (tmp_path / "never").exists()


def test_curves_pass_through_their_points():
    points = np.array([[0, 0], [1, 0.5], [2, 0]], dtype=float)
    assert np.allclose(spline(points, steps=4)[::4], points)
    assert np.allclose(spline(points, closed=True, steps=4)[::4], points)


def test_shapes_keep_their_measures():
    round_one = ellipse(1, 2, 0.5, 0.25, "coat").points
    assert np.allclose(round_one.mean(axis=0), [1, 2])
    assert np.ptp(round_one[:, 0]) == pytest.approx(1.0)
    leg = tube([(0, 0), (0, 1)], [0.1, 0.1], "coat").points
    assert np.ptp(leg[:, 0]) == pytest.approx(0.2)
    assert np.ptp(leg[:, 1]) == pytest.approx(1.2, abs=0.01)
    assert np.allclose(petal((0, 0), (1, 0), (0, 1), "coat").points[8], [1, 0])


def test_place_moves_scales_and_flips():
    layers, _ = build("fish", np.random.default_rng(0))
    moved = place(layers, scale=2, x=1, flip=True)
    before, after = layers[0].shapes[0].points, moved[0].shapes[0].points
    assert np.allclose(after, before * [-2, 2] + [1, 0])


@pytest.mark.parametrize(
    "options",
    [
        {"classes": 5}, {"classes": "dog"}, {"classes": [["dog"]]}, {"classes": []},
        {"styles": None}, {"per_class": None}, {"per_class": 1.5}, {"seed": -1},
        {"seed": 6.3e16}, {"seed": None}, {"size": "large"},
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used_are_an_input_error(tmp_path, options):
    with pytest.raises(InputError, match="Expected"):
        write_sample_pictures(tmp_path, **options)


def test_a_folder_that_cannot_be_written_is_an_export_error(tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(ExportError, match="choose another"):
        write_sample_pictures(tmp_path / "file" / "below", per_class=1)


def test_a_folder_of_pictures_is_one_line_in_a_notebook(tmp_path):
    made = write_sample_pictures(tmp_path / "photos", per_class=2)
    assert "photos" in repr(made)
    assert len(repr(made)) < 300
