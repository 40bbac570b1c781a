"""Read an array of vectors from common file formats, without running code from a file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from protolabel.common.files import check_regular
from protolabel.errors import StoreError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

__all__ = ["SUFFIXES", "as_array", "read_rows"]

SUFFIXES = (".npy", ".npz", ".safetensors", ".pt", ".pth", ".parquet")
"""Extensions of files of vectors."""

_NAMES = (
    "embeddings", "embedding", "vectors", "features", "image_embeddings", "image_features", "arr_0",
)  # fmt: skip


def read_rows(path: Path) -> npt.NDArray[Any]:
    """Read an array of vectors.

    Parameters
    ----------
    path : Path
        .npy (as a memory map), .npz, .safetensors, .pt and .pth (tensors alone, read with
        ``weights_only=True``), or .parquet with a column of lists. If a file holds several
        arrays, the one called embeddings, vectors, features or image_features is read, or else
        the only one of two dimensions.

    Returns
    -------
    array of shape (N, d)
        Floating-point numbers.

    Raises
    ------
    StoreError
        If the file is missing or damaged, would run code, or holds no such array.
    """
    try:
        check_regular(path)
        rows = _read(path)
    except FileNotFoundError as error:
        raise StoreError(
            f"Expected vectors at {str(path)!r}, found nothing: pass the file of vectors or the "
            "folder that holds embeddings.npy."
        ) from error
    except StoreError:
        raise
    except ImportError as error:
        raise StoreError(
            f"Expected pyarrow to read {path.name!r}, which is not installed: "
            "pip install 'protolabel[formats]'."
        ) from error
    except Exception as error:  # each format raises errors of its own for damaged bytes
        raise StoreError(_unreadable(path, error)) from error
    return as_array(rows, str(path))


def as_array(rows: Any, what: str) -> npt.NDArray[Any]:
    """Convert an array, or a tensor on any device, to a floating-point array (N, d).

    Parameters
    ----------
    rows : array-like
        Numpy array, tensor, or nested lists.
    what : str
        Name of the array, for messages.

    Raises
    ------
    StoreError
        If it has another shape, or does not contain floating-point numbers.
    """
    try:
        if hasattr(rows, "detach"):
            rows = rows.detach().cpu()
            rows = rows.float().numpy() if "bfloat16" in str(rows.dtype) else rows.numpy()
        rows = rows if isinstance(rows, np.ndarray) else np.asarray(rows)
    except (TypeError, ValueError, RuntimeError) as error:
        raise StoreError(
            f"Expected vectors of shape (N, d) in {what!r}, got {type(rows).__name__}: save one "
            "row for each image."
        ) from error
    if rows.ndim != 2 or 0 in rows.shape:
        raise StoreError(
            f"Expected vectors of shape (N, d), got shape {rows.shape} in {what!r}: save one row "
            "for each image."
        )
    if not np.issubdtype(rows.dtype, np.floating):
        raise StoreError(
            f"Expected floating-point vectors, got {rows.dtype} in {what!r}: save them with "
            ".astype('float32')."
        )
    array: npt.NDArray[Any] = rows
    return array


def _unreadable(path: Path, error: Exception) -> str:
    # numpy and torch advise to load such a file by pickle, which would run code from it.
    why = "it holds Python objects" if "pickle" in str(error).lower() else str(error)
    return (
        f"Expected a file of numbers, but {str(path)!r} cannot be read as one: {why.rstrip('.')}. "
        "Save the vectors with numpy.save as an array of shape (N, d)."
    )


def _read(path: Path) -> Any:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return archive[_choose({name: archive[name].shape for name in archive.files}, path)]
    if suffix == ".safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118 -- no mapping
            return file.get_tensor(_choose(shapes, path))
    if suffix in {".pt", ".pth"}:
        import torch

        loaded = torch.load(path, map_location="cpu", weights_only=True)
        if isinstance(loaded, dict):
            shapes = {
                str(name): tuple(value.shape)
                for name, value in loaded.items()
                if hasattr(value, "shape")
            }
            return loaded[_choose(shapes, path)]
        return loaded
    if suffix == ".parquet":
        from pyarrow import parquet

        table = parquet.read_table(path)
        lists = [
            name for name in table.column_names if "list" in str(table.schema.field(name).type)
        ]
        name = _choose(dict.fromkeys(lists, (0, 0)), path)
        return np.stack([np.asarray(row) for row in table.column(name).to_pylist()])
    rows = np.load(path, mmap_mode="r", allow_pickle=False)
    if not hasattr(rows, "shape"):
        raise StoreError(
            f"Expected one array of shape (N, d), got an archive under the name {str(path)!r}: "
            "rename it to end in .npz."
        )
    return rows


def _choose(shapes: Mapping[str, tuple[int, ...]], path: Path) -> str:
    flat = [name for name, shape in shapes.items() if len(shape) == 2]
    named = [name for name in _NAMES if name in flat]
    if named or len(flat) == 1:
        return named[0] if named else flat[0]
    raise StoreError(
        f"Expected one array of shape (N, d) in {str(path)!r}, got {dict(shapes)}: name it "
        "'embeddings', or save it with numpy.save."
    )
