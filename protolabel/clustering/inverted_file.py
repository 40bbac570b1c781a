"""Neighbours among many vectors: an image is compared with those of the cells near its own.

That is an inverted file (Jegou et al., PAMI 2011). Images are compared by coarse codes first, and
the best of them by their whole vectors.
"""

from __future__ import annotations

import itertools
import platform
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from protolabel.common.threads import in_threads
from protolabel.common.vectors import Float32Array, FloatArray, unit_rows

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

__all__ = ["neighbors_in_cells"]

# On 1,000,000 simulated vectors in groups of 5,000, cells of 500 images find 85 % of the five
# nearest among 3,072 candidates, cells of 125 images 93 %, and 98 % among 4,096.
_CELL = 125  # images in a cell
_FIRST = 2.0  # cells of the first level over the square root of the number of images
_BESIDE = 12  # cells of the first level whose parts an image may belong to
_SAMPLE = 20  # images per cell of the first level that k-means is fitted on
_ROUNDS, _PART_ROUNDS = 6, 4  # iterations of k-means, for each level

_LEVELS = 63  # codes are -63..63: sums of two products fit in 16 bits, which older processors use
_MEASURED = 20_000  # most images that the mean and the range of the codes are measured on
_SPARE = 5  # candidates beyond the neighbours that are compared by their whole vectors
_ROWS = 4_096  # images at a time
_STRIP = 32  # images whose candidates are read at a time: they stay near the processor
_MULTIPLE = 64
_LEAST = -(2**30)  # below every score


def neighbors_in_cells(
    vectors: FloatArray, k: int, seed: int, wanted: int
) -> tuple[NDArray[np.int32], Float32Array]:
    """Find the nearest neighbours of many vectors.

    Parameters
    ----------
    vectors : (N, d) floating
        Rows of any length; may be a memory map.
    k : int
        Number of neighbours, 1..N - 1.
    seed : int
        Seed of the cells.
    wanted : int
        Fewest images that an image is compared with, more than k; all if there are fewer.

    Returns
    -------
    indices : (N, k) int32
        Row numbers of the neighbours, the most similar first.
    similarities : (N, k) float32
        Their cosines.
    """
    import torch

    codes = _Codes.of(vectors)
    cell, centres = _cells(codes, vectors, seed)
    order = np.argsort(cell, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(cell, minlength=len(centres)))])
    preferred = _preferred(centres, starts, wanted)
    codes = codes.at(order)
    # In the order of the cells, so that a cell is one slice.
    ordered, inverse_length = _ordered(vectors, order)
    numbers = torch.arange(len(order))
    indices = np.empty((len(order), k), np.int32)
    similarities = np.empty((len(order), k), np.float32)

    def search(own: int) -> None:
        # A cell with very many images, such as copies of one picture, is searched in pieces.
        count = -(-(starts[own + 1] - starts[own]) // wanted)
        pieces = np.linspace(starts[own], starts[own + 1], count + 1).astype(int)
        for start, stop in itertools.pairwise(pieces.tolist()):
            others = (slice(starts[c], starts[c + 1]) for c in preferred[own])
            parts = [slice(start, stop), *others]
            places = torch.cat([numbers[part] for part in parts])
            score = codes[start:stop].scores(codes.joined(parts))
            score.fill_diagonal_(_LEAST)
            best = places[score.topk(min(k + _SPARE, len(places) - 1), dim=1).indices]
            cosine = _cosines(ordered, inverse_length, start, best)
            number = order[best.numpy()]
            first = np.lexsort((number, -cosine), axis=1)[:, :k]
            indices[order[start:stop]] = np.take_along_axis(number, first, axis=1)
            similarities[order[start:stop]] = np.take_along_axis(cosine, first, axis=1)

    in_threads(search, range(len(centres)))
    return indices, similarities


@dataclass(frozen=True, eq=False)
class _Codes:
    """Unit vectors relative to their mean, coarsely.

    Attributes
    ----------
    values : (n, d) tensor
        Whole numbers, as int8 where the processor multiplies them faster, else as float32. Rows of
        padding may follow.
    bias : (n,) tensor
        What a row has along the mean, to be added to all of its scores.
    mean : (d,) float32
    step : float
        What a code of 1 stands for.
    """

    values: Tensor
    bias: Tensor
    mean: Float32Array
    step: float

    @classmethod
    def of(cls, vectors: FloatArray) -> _Codes:
        """Make the codes of all vectors."""
        import torch

        sample = unit_rows(vectors[:: -(-len(vectors) // _MEASURED)])
        mean = sample.mean(axis=0)
        step = max(float(np.abs(sample - mean).max()) / _LEVELS, 1e-9)
        kind = torch.int8 if _multiplies_bytes() else torch.float32
        empty = torch.empty(vectors.shape, dtype=kind)
        bias = torch.empty(len(vectors), dtype=torch.int32 if kind == torch.int8 else kind)
        codes = cls(empty, bias, mean, step)

        def fill(start: int) -> None:
            rows = slice(start, start + _ROWS)
            part = codes.coded(_unit(torch.from_numpy(np.array(vectors[rows]))))
            codes.values[rows], codes.bias[rows] = part.values, part.bias

        in_threads(fill, range(0, len(vectors), _ROWS))
        return codes

    def coded(self, unit: Tensor) -> _Codes:
        """Return codes of further unit vectors, (n, d) float32, which are overwritten."""
        import torch

        bias = unit @ torch.from_numpy(self.mean) / self.step**2
        unit -= torch.from_numpy(self.mean)
        values = unit.div_(self.step).round_().clamp_(-_LEVELS, _LEVELS)
        return _Codes(
            values.to(self.values.dtype), bias.round_().to(self.bias.dtype), self.mean, self.step
        )

    def __len__(self) -> int:
        return len(self.bias)

    def __getitem__(self, rows: slice) -> _Codes:
        return _Codes(self.values[rows], self.bias[rows], self.mean, self.step)

    def at(self, rows: NDArray[np.integer]) -> _Codes:
        """Return the codes of some rows."""
        import torch

        index = torch.from_numpy(rows)  # faster than indexing by a tensor
        values, bias = self.values.index_select(0, index), self.bias.index_select(0, index)
        return _Codes(values, bias, self.mean, self.step)

    def joined(self, parts: list[slice]) -> _Codes:
        """Return the codes of several ranges of rows, one after another, and rows of padding."""
        import torch

        count = sum(part.stop - part.start for part in parts)
        padding = self.values.new_zeros(-count % _MULTIPLE, self.values.shape[1])
        return _Codes(
            torch.cat([*(self.values[part] for part in parts), padding]),
            torch.cat([self.bias[part] for part in parts]),
            self.mean,
            self.step,
        )

    def scores(self, others: _Codes) -> Tensor:
        """Return scores, (n, m), of which the largest in a row are the largest cosines."""
        import torch

        if self.values.dtype == torch.int8:
            one, other = _padded(self.values), _padded(others.values)
            products = torch._int_mm(one, other.T)  # noqa: SLF001 -- it has no public name
        else:
            products = self.values @ others.values.T
        products = products[: len(self), : len(others)]
        products += others.bias
        return products

    def nearest(self, others: _Codes) -> Tensor:
        """Return the row of the others with the largest score for each row, (n,) int64."""
        import torch

        parts = (self[start : start + _ROWS] for start in range(0, len(self), _ROWS))
        return torch.cat([part.scores(others).argmax(dim=1) for part in parts])


def _multiplies_bytes() -> bool:
    """Return whether matrix products of bytes are faster than those of float32."""
    import torch

    return torch.backends.mkldnn.is_available() and platform.machine() in ("x86_64", "AMD64")


def _padded(rows: Tensor) -> Tensor:
    """Return rows with further rows of 0, so that products have few different shapes.

    The matrix library compiles code for each shape, and keeps it.
    """
    import torch

    missing = -len(rows) % _MULTIPLE
    return torch.nn.functional.pad(rows, (0, 0, 0, missing)) if missing else rows


def _unit(rows: Tensor) -> Tensor:
    """Return rows of length 1 as float32, in memory of their own."""
    import torch

    return torch.nn.functional.normalize(rows.float(), dim=1)


def _ordered(vectors: FloatArray, order: NDArray[np.intp]) -> tuple[Tensor, Tensor]:
    """Return the vectors in another order, in their dtype, and one over the length of each."""
    import torch

    kind = np.float16 if vectors.dtype == np.float16 else np.float32
    ordered = torch.from_numpy(np.empty(vectors.shape, kind))
    inverse_length = torch.empty(len(order))
    place = np.empty(len(order), np.int64)
    place[order] = np.arange(len(order))

    def fill(start: int) -> None:
        rows = torch.from_numpy(place[start : start + _ROWS])
        part = torch.from_numpy(np.array(vectors[start : start + _ROWS], kind))
        ordered[rows] = part
        inverse_length[rows] = 1.0 / torch.linalg.vector_norm(part.float(), dim=1)

    in_threads(fill, range(0, len(order), _ROWS))
    return ordered, inverse_length


def _cosines(ordered: Tensor, inverse_length: Tensor, start: int, best: Tensor) -> Float32Array:
    """Return the cosines of consecutive vectors, from `start` on, and some others, (n, m)."""
    cosine = np.empty(best.shape, np.float32)
    for first in range(0, len(best), _STRIP):
        others = best[first : first + _STRIP]
        rows = slice(start + first, start + first + len(others))
        itself = ordered[rows].float() * inverse_length[rows, None]
        near = ordered.index_select(0, others.flatten()).float().view(*others.shape, -1)
        # numpy multiplies many small matrices by vectors faster than torch
        out = cosine[first : first + _STRIP, :, None]
        np.matmul(near.numpy(), itself.numpy()[:, :, None], out=out)
    cosine *= inverse_length[best].numpy()
    return cosine


def _cells(codes: _Codes, vectors: FloatArray, seed: int) -> tuple[NDArray[np.int64], _Codes]:
    """Divide the images into cells of k-means, on two levels.

    Returns
    -------
    cell : (N,) int64
        Cell of every image.
    centres : codes
        Those of the K cells.
    """
    import torch

    rng = np.random.default_rng(seed)
    n = len(codes)
    count = max(1, round(_FIRST * n**0.5))
    rows = np.sort(rng.choice(n, min(n, _SAMPLE * count), replace=False))
    firsts = _means(codes, vectors, rows, count=count, rounds=_ROUNDS, rng=rng)
    nearest = in_threads(
        lambda start: codes[start : start + _ROWS].nearest(firsts), range(0, n, _ROWS)
    )
    first = torch.cat(nearest).numpy()
    order = np.argsort(first, kind="stable")
    starts = np.concatenate([[0], np.cumsum(np.bincount(first, minlength=count))])

    def divided(own: int) -> _Codes:
        rows = order[starts[own] : starts[own + 1]]
        if len(rows) < 1.5 * _CELL:
            return firsts[own : own + 1]
        return _means(
            codes,
            vectors,
            rows,
            count=round(len(rows) / _CELL),
            rounds=_PART_ROUNDS,
            rng=np.random.default_rng([seed, own]),
        )

    parts = in_threads(divided, range(count))
    begins = np.concatenate([[0], np.cumsum([len(part) for part in parts])])
    centres = _Codes(
        torch.cat([part.values for part in parts]),
        torch.cat([part.bias for part in parts]),
        codes.mean,
        codes.step,
    )
    beside = firsts.scores(firsts).topk(min(_BESIDE, count), dim=1).indices.numpy()
    cell = np.empty(n, np.int64)

    def assign(own: int) -> None:
        rows = order[starts[own] : starts[own + 1]]
        near = np.concatenate([np.arange(begins[c], begins[c + 1]) for c in beside[own]])
        if len(rows):
            images, options = codes.at(rows), centres.at(near)
            cell[rows] = near[images.nearest(options).numpy()]

    in_threads(assign, range(count))
    return cell, centres


def _means(
    codes: _Codes,
    vectors: FloatArray,
    rows: NDArray[np.intp],
    *,
    count: int,
    rounds: int,
    rng: np.random.Generator,
) -> _Codes:
    """Return the codes of `count` centres of some images, by k-means."""
    import torch

    unit = _unit(torch.from_numpy(np.array(vectors[rows])))
    sample = codes.at(rows)
    centres = unit[torch.from_numpy(np.sort(rng.choice(len(rows), count, replace=False)))]
    for _ in range(rounds):
        nearest = sample.nearest(codes.coded(centres.clone()))
        sums = torch.zeros_like(centres).index_add_(0, nearest, unit)
        filled = torch.bincount(nearest, minlength=count) > 0
        centres = torch.where(filled[:, None], _unit(sums), centres)
    return codes.coded(centres)


def _preferred(centres: _Codes, starts: NDArray[np.int64], wanted: int) -> list[NDArray[np.int64]]:
    """Return for each cell the nearest others that hold the wanted images with its own."""
    import torch

    size = torch.from_numpy(np.diff(starts))
    # Three times as many cells as hold the wanted images on average are nearly always enough.
    looked = min(len(centres), 3 * wanted * len(centres) // int(starts[-1]) + 2)

    def chosen(start: int) -> list[NDArray[np.int64]]:
        score = centres[start : start + _MULTIPLE].scores(centres)
        itself = torch.arange(len(score))
        score[itself, start + itself] = -_LEAST  # its own comes first
        near = score.topk(looked, dim=1).indices
        if int(size[near].sum(dim=1).min()) < wanted:
            near = score.argsort(dim=1, descending=True, stable=True)
        before = torch.cumsum(size[near], dim=1) - size[near]
        pairs = zip(near[:, 1:].numpy(), before[:, 1:].numpy(), strict=True)
        return [cells[held < wanted] for cells, held in pairs]

    found = in_threads(chosen, range(0, len(centres), _MULTIPLE))
    return list(itertools.chain.from_iterable(found))
