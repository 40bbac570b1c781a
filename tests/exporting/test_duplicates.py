from __future__ import annotations

import os
from typing import TYPE_CHECKING

import numpy as np
import pytest

from protolabel.common.vectors import unit_rows
from protolabel.errors import InputError
from protolabel.exporting.duplicates import identical_files, merge_groups, near_duplicates

if TYPE_CHECKING:
    from pathlib import Path


def scattered(n: int, dim: int = 64, seed: int = 0) -> np.ndarray:
    return unit_rows(np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32))


def test_different_images_are_alone() -> None:
    np.testing.assert_array_equal(near_duplicates(scattered(300)), np.arange(300))


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
def test_bursts_and_copies_are_found(dtype: type) -> None:
    base = scattered(200)
    noise = np.random.default_rng(1).normal(0, 0.005, (10, 4, 64)).astype(np.float32)
    bursts = unit_rows((base[:10, None] + noise).reshape(-1, 64))
    vectors = np.concatenate([base, bursts, base[50:55]]).astype(dtype)
    groups = near_duplicates(vectors)
    for one in range(10):
        assert (groups[200 + 4 * one : 204 + 4 * one] == groups[one]).all()
    np.testing.assert_array_equal(groups[240:], groups[50:55])
    assert len(np.unique(groups)) == 200


def test_more_copies_than_neighbours_are_one_group() -> None:
    vectors = np.concatenate([scattered(100), np.repeat(scattered(1, seed=9), 60, axis=0)])
    assert len(np.unique(near_duplicates(vectors)[100:])) == 1


def test_a_folder_of_nothing_but_bursts_is_still_seen_through() -> None:
    base = scattered(20)
    noise = np.random.default_rng(2).normal(0, 0.002, (20, 30, 64)).astype(np.float32)
    vectors = unit_rows((base[:, None] + noise).reshape(-1, 64))
    groups = near_duplicates(vectors).reshape(20, 30)
    assert all(len(np.unique(row)) == 1 for row in groups)
    assert len(np.unique(groups)) == 20


def test_a_chain_does_not_swallow_the_folder() -> None:
    angle = np.linspace(0, 3, 400)
    chain = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    vectors = np.zeros((800, 64), np.float32)
    vectors[:400, :2] = chain
    vectors[400:] = scattered(400)
    groups = near_duplicates(vectors)
    assert np.bincount(groups).max() <= 80


def test_no_group_holds_most_of_a_class() -> None:
    base = scattered(2)
    noise = np.random.default_rng(3).normal(0, 0.001, (2, 20, 64)).astype(np.float32)
    vectors = unit_rows((base[:, None] + noise).reshape(-1, 64))
    label = np.repeat([0, 1], 20)
    groups = near_duplicates(vectors, label=label)
    for one in (0, 1):
        assert np.unique(groups[label == one], return_counts=True)[1].max() <= 10


@pytest.mark.parametrize("n", [1, 2, 3])
def test_a_handful_of_images(n: int) -> None:
    assert len(near_duplicates(scattered(n))) == n


def test_vectors_must_be_vectors() -> None:
    with pytest.raises(InputError):
        near_duplicates(np.zeros((3, 4), np.float32))


def test_files_with_the_same_content(tmp_path: Path) -> None:
    contents = [b"one", b"two", b"one", b"four", b""]
    paths = [tmp_path / str(i) for i in range(6)]
    for path, content in zip(paths, contents, strict=False):
        path.write_bytes(content)
    assert identical_files(paths).tolist() == [0, 1, 0, 2, 3, 4]  # the last does not exist


def test_groupings_are_joined() -> None:
    a, b = np.array([0, 0, 1, 2, 3], np.int32), np.array([0, 1, 1, 2, 3], np.int32)
    assert merge_groups(a, b).tolist() == [0, 0, 0, 1, 2]
    assert merge_groups(a).tolist() == [0, 0, 1, 2, 3]


@pytest.mark.skipif(not hasattr(os, "getuid") or os.getuid() == 0, reason="root reads all")
def test_an_unreadable_file_is_alone(tmp_path: Path) -> None:
    for name in "ab":
        (tmp_path / name).write_bytes(b"same")
    (tmp_path / "b").chmod(0)
    assert identical_files([tmp_path / "a", tmp_path / "b"]).tolist() == [0, 1]
