"""Worlds are like CLIP, settings draw what they say, the command prints tables."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from other_names import by_kind, renamed
from rows import Row
from settings import SETTINGS, file_tasks, world_tasks
from simulated import WORLDS, make
from tables import agreement_by_setting, behind, losses, regimes
from tasks import unit

SCRIPT = Path(__file__).parents[1] / "benchmarks" / "quality"


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_has_the_modality_gap_of_clip(name: str) -> None:
    task, distractors = make(WORLDS[name], 1)
    np.testing.assert_allclose(np.linalg.norm(task.vectors, axis=1), 1, atol=1e-5)
    text = task.vectors @ task.text.T
    assert 0.18 < text.mean() < 0.23
    assert 0.018 < text.std() < 0.035
    pairs = task.vectors[:300] @ task.vectors[300:600].T
    assert 0.48 < pairs.mean() < 0.76
    real = task.truth >= 0
    assert 0.5 < np.mean(text.argmax(axis=1)[real] == task.truth[real]) < 0.97
    assert distractors.shape == (40, task.vectors.shape[1])


def test_worlds_are_easy_and_hard_as_they_say() -> None:
    found = {}
    for name in ("easy", "medium", "hard"):
        tasks = [make(WORLDS[name], seed)[0] for seed in range(3)]
        right = [np.mean((t.vectors @ t.text.T).argmax(axis=1) == t.truth) for t in tasks]
        found[name] = np.mean(right)
    assert found["easy"] == pytest.approx(0.90, abs=0.04)
    assert found["medium"] == pytest.approx(0.75, abs=0.04)
    assert found["hard"] == pytest.approx(0.60, abs=0.04)


def test_bursts_are_near_duplicates_and_junk_is_of_no_class() -> None:
    bursts, _ = make(WORLDS["bursts"], 0)
    nearest = bursts.vectors @ bursts.vectors.T
    np.fill_diagonal(nearest, 0)
    assert np.quantile(nearest.max(axis=1), 0.5) > 0.93
    junk, _ = make(WORLDS["junk"], 0)
    assert np.mean(junk.truth < 0) == pytest.approx(0.3 / 1.3, abs=0.01)


def test_a_world_is_its_seed() -> None:
    (a, _), (b, _), (c, _) = (make(WORLDS["easy"], seed) for seed in (5, 5, 6))
    np.testing.assert_array_equal(a.vectors, b.vectors)
    assert not np.array_equal(a.vectors, c.vectors)


def test_settings_leave_out_what_they_say() -> None:
    sizes = {}
    for setting in SETTINGS:
        task = next(iter(world_tasks("easy", setting, 1)))
        sizes[setting] = np.bincount(task.truth[task.truth >= 0], minlength=len(task.text))
    assert (sizes["all present"] == 60).all()
    assert sorted(sizes["long tail 20:1"])[::9] == [3, 60]
    assert sorted(sizes["long tail 50:1"])[::9] == [1, 60]
    present = {name: int(np.count_nonzero(size)) for name, size in sizes.items()}
    assert (present["half absent"], present["two present"], present["one present"]) == (5, 2, 1)
    assert sorted(sizes["5 classes x 4"]) == [0] * 5 + [4] * 5
    assert len(sizes["+40 names"]) == 50


def row(method: str, micro: float, **changes) -> Row:
    numbers = dict.fromkeys(("auroc", "found_10", "found_20", "seconds"), 0.5)
    fields = {"dataset": "a", "setting": "all present", "draw": 0, "images": 200, **numbers}
    fields |= {"macro": micro, "calibration_error": 0.1, "bias": 0.05} | changes
    return Row(method=method, micro=micro, **fields)


def test_tables_show_where_another_method_is_ahead_and_where_labels_are_lost() -> None:
    rows = [row("zero-shot", 0.8), row("ZLaP", 0.9), row("protolabel", 0.85)]
    rows += [row(name, 0.8, dataset="b") for name in ("zero-shot", "ZLaP")]
    rows += [row("protolabel", 0.78, dataset="b", calibration_error=0.3)]
    rows += [row(name, 0.9, dataset="c", images=20) for name in ("zero-shot", "ZLaP")]
    rows += [row("protolabel", 0.8, dataset="c", images=20, calibration_error=0.9)]
    table = regimes(rows).splitlines()[-1]
    assert "| 0.833 | **0.867** | 0.810 | 0.100 / 0.200 | +0.050 |" in table
    ahead = behind(rows)
    assert "| a | all present | 0.850 | ZLaP 0.900 |" in ahead
    assert "3 of 3 settings" in ahead
    lost = losses(rows)
    assert "| b | all present | 0 | 200 | -2.0 |" in lost
    assert "1 of 2 folders" in lost  # twenty images are few


def test_agreement_and_softmax_are_compared_on_the_labels_that_they_share() -> None:
    shared = {"auroc_unchanged": 0.8, "auroc_unchanged_zero_shot": 0.7}
    rows = [row("zero-shot", 0.8, auroc=0.9), row("protolabel", 0.85, auroc=0.6, **shared)]
    rows += [row("zero-shot", 0.8, dataset="b"), row("protolabel", 1.0, dataset="b", auroc=np.nan)]
    rows += [row(name, 0.8, dataset="c", images=20) for name in ("zero-shot", "protolabel")]
    every = agreement_by_setting(rows).splitlines()[-1]
    # Twenty images are few, and without an error there is nothing to rank.
    assert every == "| all | 2 | 0.100 | +0.050 | 0.100 | 0.600 | 0.900 | 0.800 | 0.700 |"


def write(path: Path, task) -> Path:
    np.savez(
        path, image_features=task.vectors, labels=task.truth, text_features=task.text,
        class_names=np.array([f"c{i}" for i in range(len(task.text))]),
    )  # fmt: skip
    return path


def test_a_file_is_drawn_like_a_world(tmp_path: Path) -> None:
    task, names = make(WORLDS["easy"], 0)
    path = write(tmp_path / "set.npz", task)
    bank = tmp_path / "bank.npz"
    np.savez(bank, vectors=names)
    assert len(list(file_tasks(path, "all present", 5, None))) == 1
    drawn = list(file_tasks(path, "two present", 5, None))
    assert [len(np.unique(one.truth)) for one in drawn] == [2] * 5
    assert list(file_tasks(path, "+40 names", 5, None)) == []
    assert len(next(iter(file_tasks(path, "+40 names", 5, bank))).text) == 50


@pytest.mark.slow
def test_the_command_prints_every_table(tmp_path: Path) -> None:
    task, _ = make(WORLDS["easy"], 0)
    path = write(tmp_path / "set.npz", task.take(np.arange(0, len(task.truth), 6)))
    saved = tmp_path / "rows.json"
    command = [sys.executable, str(SCRIPT), str(path), "--draws", "2", "--save", str(saved)]
    command += ["--settings", "all present", "5 classes x 4"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    for heading in (
        "Accuracy over the images", "mean over the classes", "## Settings", "Behind another",
        "Below zero-shot", "All rows", "Agreement by setting", "Special folders", "Audit",
        "Corrections", "Pins, on the other images", "The guard", "A second view", "None of these",
        "plain loop",
    ):  # fmt: skip
        assert heading in done.stdout
    assert "| set | 5 classes x 4 | 2 |" in done.stdout
    assert "nan" not in done.stdout.split("## Agreement")[0]
    assert saved.stat().st_size > 1000


def test_a_part_of_the_images_is_drawn_before_all_else(tmp_path):
    task = make(WORLDS["easy"], 0)[0]
    path = tmp_path / "file.npz"
    np.savez(path, image_features=task.vectors, labels=task.truth, text_features=task.text)
    drawn = list(file_tasks(path, "all present", 3, None, 0.8))
    assert [len(some.truth) for some in drawn] == [int(0.8 * len(task.truth))] * 3
    assert not np.array_equal(drawn[0].vectors, drawn[1].vectors)
    (whole,) = file_tasks(path, "all present", 3, None)
    np.testing.assert_array_equal(whole.truth, task.truth)


def test_other_names_are_of_the_bank_and_nearer_to_no_other_class():
    task = make(WORLDS["easy"], 0)[0]
    rng = np.random.default_rng(0)
    noise = rng.standard_normal((4, *task.text.shape)).astype(np.float32)
    noise /= np.linalg.norm(noise, axis=-1, keepdims=True)
    bank = unit((task.text + 0.5 * noise).reshape(-1, task.text.shape[1]))
    other = renamed(task, bank, 1.0)
    rows = [int(np.flatnonzero((bank == name).all(axis=1))[0]) for name in other.text]
    np.testing.assert_array_equal((bank[rows] @ task.text.T).argmax(axis=1), np.arange(len(rows)))
    half = renamed(task, bank, 0.5)
    assert np.sum((half.text != task.text).any(axis=1)) == len(task.text) // 2
    # A bank that knows nothing like it changes no name.
    np.testing.assert_array_equal(renamed(task, -task.text, 1.0).text, task.text)


def test_classes_of_one_kind_bear_its_name():
    task = make(WORLDS["easy"], 0)[0]
    names = [f"c{number}" for number in range(len(task.text))]
    bank = {"ship": [task.text[5]], "boat": [task.text[6]], "bird": [task.text[7]]}
    kinds = by_kind(task, names, {"ship|boat": ["c1", "c2"], "bird": ["c4"]}, bank)
    assert len(kinds.truth) == np.isin(task.truth, [1, 2, 4]).sum()
    assert (kinds.truth == 0).sum() == np.isin(task.truth, [1, 2]).sum()
    np.testing.assert_allclose(kinds.text[0], unit(task.text[5:6] + task.text[6:7])[0], atol=1e-6)
    np.testing.assert_allclose(kinds.text[1], task.text[7], atol=1e-6)
