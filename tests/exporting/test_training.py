"""An export is trained on in two lines, and its test side promises no more than it can."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.exporting import SideScore, export, read_metadata
from protolabel.exporting.writers.metadata import add_to_metadata

if TYPE_CHECKING:
    from collections.abc import Callable

PAGE = (Path(__file__).parents[2] / "docs" / "training.md").read_text("utf-8")


@pytest.fixture
def dataset(labelled: Callable, tmp_path: Path) -> Path:
    case = labelled(["zebra", "test tube", "ant"], [12] * 3, pins={0: 0})
    return export(case.labels, case.embedded, tmp_path / "out", progress=silent).folder


def test_every_side_has_its_images_with_the_class_numbers_of_all_files(dataset: Path) -> None:
    records = read_metadata(dataset)["images"]
    for side in ("train", "val", "test"):
        read = pl.torch_dataset(dataset, side)
        mine = [record for record in records if record["split"] == side]
        assert len(read) == len(mine)
        assert read.targets.tolist() == [record["label_id"] for record in mine]
        assert read.classes == ("zebra", "test tube", "ant")
        picture, label = read[0]
        assert picture.shape == (3, 224, 224)
        assert picture.dtype == torch.float32
        assert 0 <= picture.min() <= picture.max() <= 1
        assert label == mine[0]["label_id"]


@pytest.mark.parametrize("formats", [["splits"], ["folders", "splits"]])
def test_without_class_folders_too(labelled: Callable, tmp_path: Path, formats) -> None:
    case = labelled()
    folder = export(
        case.labels, case.embedded, tmp_path / "out", formats=formats, progress=silent
    ).folder
    assert pl.torch_dataset(folder)[0][0].shape == (3, 224, 224)


def test_a_loader_with_workers_takes_a_transform(dataset: Path) -> None:
    read = pl.torch_dataset(dataset, transform=np.asarray)
    assert repr(read) == f"TorchDataset(train: {len(read)} images, 3 classes)"
    loader = torch.utils.data.DataLoader(read, batch_size=4, num_workers=1)
    assert next(iter(loader))[0].shape == (4, 8, 8, 3)
    assert len(pickle.loads(pickle.dumps(read))) == len(read)


def test_what_cannot_be_opened_says_what_to_do(labelled, dataset, tmp_path) -> None:
    with pytest.raises(pl.InputError, match="one of train, val, test"):
        pl.torch_dataset(dataset, "valid")
    with pytest.raises(pl.ExportError, match="an export wrote"):
        pl.torch_dataset(tmp_path)
    case = labelled()
    plain = export(
        case.labels, case.embedded, tmp_path / "plain", formats=["csv"], progress=silent
    ).folder
    with pytest.raises(pl.ExportError, match='"splits" among the formats'):
        pl.torch_dataset(plain)


def test_a_score_is_no_accuracy_until_the_labels_are_audited(dataset: Path) -> None:
    test = pl.torch_dataset(dataset, "test")
    score = test.score(test.targets)
    assert score.agreed == 1.0
    assert score.accuracy_bounds is None
    assert "audit the dataset first" in str(score)
    add_to_metadata(dataset, "audit", {"right": 0.9, "interval": [0.8, 0.95]})
    score = pl.torch_dataset(dataset, "test").score(test.targets)
    assert score.accuracy_bounds == pytest.approx((0.8, 0.95))
    assert "between 80.0% and 95.0%" in str(score)
    for wrong in (test.targets[:-1], test.targets + 0.5):
        with pytest.raises(pl.InputError, match="class numbers"):
            test.score(wrong)


@pytest.mark.parametrize("seed", range(5))
def test_the_bounds_hold_whatever_the_errors_have_in_common(seed: int) -> None:
    rng = np.random.default_rng(seed)
    for _ in range(200):
        truth = rng.integers(0, 3, 50)
        label, predicted = (
            np.where(rng.random(50) < rng.random(), truth, rng.integers(0, 3, 50)) for _ in range(2)
        )
        if rng.random() < 0.5:
            predicted = np.where(rng.random(50) < 0.7, label, predicted)
        right = float(np.mean(label == truth))
        score = SideScore("test", 50, float(np.mean(predicted == label)), right, (right, right))
        low, high = score.accuracy_bounds
        assert low - 1e-9 <= np.mean(predicted == truth) <= high + 1e-9


def test_the_example_of_the_page_works(tmp_path: Path, monkeypatch, capsys) -> None:
    pl.write_sample_pictures(tmp_path / "photos", per_class=12)
    pl.annotate(
        tmp_path / "photos", ["dog", "cat", "tiger"], tmp_path / "annotated_dataset",
        encoder="sample", store=tmp_path / "store", progress=silent,
    )  # fmt: skip
    monkeypatch.chdir(tmp_path)
    torch.manual_seed(0)
    *_, code = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    said = capsys.readouterr().out
    assert "which are a machine's, too" in said
    assert float(said.partition("%")[0]) >= 60
