"""Checks of plain arguments, with the same wording everywhere."""

from __future__ import annotations

import functools
import inspect
import os
import re
from collections.abc import Callable, Mapping, Sequence
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import numpy as np

from protolabel.common.vectors import is_whole_number
from protolabel.errors import InputError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "as_count",
    "as_indices",
    "as_numbers",
    "as_path",
    "as_seed",
    "check_fields",
    "checked",
    "checked_apart_from",
    "described",
    "with_home",
]

P = ParamSpec("P")
R = TypeVar("R")


def checked(function: Callable[P, R]) -> Callable[P, R]:
    """Check the arguments of a public function against its annotations.

    The annotations alone say what a parameter takes. The function itself checks what they cannot
    express, such as a range or the length of an array. Annotations that `_KINDS` and `_CLASSES`
    do not list are not checked.

    Raises
    ------
    InputError
        When the decorated function is called, if an argument is of another kind.
    """
    return checked_apart_from()(function)


def checked_apart_from(*names: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Return a decorator like `checked` that leaves out some parameters.

    Parameters
    ----------
    *names : str
        The parameters that the function checks itself.
    """

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        return _checked(function, {"self", *names})

    return decorate


def _checked(function: Callable[P, R], left: set[str]) -> Callable[P, R]:
    signature = inspect.signature(function)
    parameters = signature.parameters.values()
    kinds = {
        parameter.name: _kinds(parameter.annotation)
        for parameter in parameters
        if parameter.name not in left
    }

    @functools.wraps(function)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> R:
        for name, value in signature.bind(*args, **kwargs).arguments.items():
            allowed = kinds.get(name)
            if allowed and not any(fits(value) for fits in allowed.values()):
                raise InputError(
                    f"Expected {name} to be {' or '.join(allowed)}, got {described(value)}: see "
                    f"help({function.__qualname__})."
                )
        return function(*args, **kwargs)

    return wrapper


def check_fields(value: Any) -> None:
    """Check the fields of a dataclass against its annotations, as `checked` does arguments.

    Raises
    ------
    InputError
        If a field is of another kind.
    """
    for name, annotation in type(value).__annotations__.items():
        allowed, given = _kinds(annotation), getattr(value, name)
        if allowed and not any(fits(given) for fits in allowed.values()):
            raise InputError(
                f"Expected {name} to be {' or '.join(allowed)}, got {described(given)}: see "
                f"help({type(value).__name__})."
            )


def described(value: Any) -> str:
    """Describe a value in a few words, for a message."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple):
        return f"{type(value).__name__} of shape {shape} and dtype {getattr(value, 'dtype', '?')}"
    text = repr(value)
    kind = type(value).__name__
    return f"{kind} {text}" if len(text) <= 60 and not text.startswith("<") else kind


def _numbers(kinds: str) -> Callable[[Any], bool]:
    def fits(value: Any) -> bool:
        try:
            array = np.asarray(value)
        except (TypeError, ValueError, RuntimeError):  # ragged; a tensor with a gradient
            return False
        return array.dtype.kind in kinds or array.shape == (0,)  # an empty list has any dtype

    return fits


def _is_list_of_text(value: Any) -> bool:
    is_table = isinstance(value, np.ndarray) and value.ndim != 1
    return _is_list(value) and not is_table and all(isinstance(word, str) for word in value)


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence | np.ndarray) and not isinstance(value, str | bytes)


_KINDS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "None": ("None", lambda value: value is None),
    "str": ("text", lambda value: isinstance(value, str)),
    "bool": ("True or False", lambda value: isinstance(value, bool | np.bool_)),
    "int": ("a whole number", lambda v: isinstance(v, Integral) and not isinstance(v, bool)),
    "float": ("a number", lambda v: isinstance(v, Real) and not isinstance(v, bool)),
    "Path": ("a path", lambda value: isinstance(value, os.PathLike)),
    "PathLike": ("a path", lambda value: isinstance(value, os.PathLike)),
    "ArrayLike": ("an array of numbers", _numbers("fiub")),
    "IntArray": ("an array of whole numbers", _numbers("iu")),
    "BoolArray": ("an array of True and False", _numbers("b")),
    "RealArray": ("an array of numbers", _numbers("fiu")),
    "Texts": ("a list of texts", _is_list_of_text),
    "Truths": ("a list of texts and None", _is_list),
    "Paths": ("a list of paths", _is_list),
    "Mapping": ("a mapping", lambda value: isinstance(value, Mapping)),
    "Callable": ("a function", callable),
    "ProgressFn": ("a function (phase, done, total)", callable),
}
_ALIASES = (
    (r"(npt\.)?ArrayLike", "ArrayLike"),
    (r"NDArray\[np\.(integer|int\d+)\]", "IntArray"),
    (r"NDArray\[np\.bool_\]", "BoolArray"),
    (r"NDArray\[np\.float\w*\]", "RealArray"),
    (r"(Sequence|tuple)\[str(, \.\.\.)?\]", "Texts"),
    (r"Sequence\[str \| None\]", "Truths"),
    (r"Sequence\[Path\]", "Paths"),
    (r"(os\.)?PathLike\[str\]", "PathLike"),
    (r"Mapping\[.*\]", "Mapping"),
    (r"Callable\[.*\]", "Callable"),
)
_CLASSES = {
    "AuditEstimate", "ClassVectors", "Clusters", "Embeddings", "EncoderInfo", "Fit", "Group",
    "ImageLookup", "ImageSet", "ImageSpace", "KnnGraph", "Labels", "Preset", "Refinement",
    "Suggestions", "TemperatureSweep", "Vocabulary",
}  # fmt: skip
"""Classes of protolabel, which are checked by name because this room may not import them."""


def _kinds(annotation: Any) -> dict[str, Callable[[Any], bool]]:
    """Return words -> test for each alternative of an annotation; {} if any has no test."""
    if not isinstance(annotation, str) or annotation == "":
        return {}
    found: dict[str, Callable[[Any], bool]] = {}
    for part in re.split(r" \| (?![^\[]*\])", annotation):
        name = next((to for pattern, to in _ALIASES if re.fullmatch(pattern, part)), part)
        if name in _KINDS:
            words, fits = _KINDS[name]
            found[words] = fits
        elif name in _CLASSES:
            found[f"{'an' if name[0] in 'AEIO' else 'a'} {name}"] = _is_a(name)
        else:
            return {}
    return found


def _is_a(name: str) -> Callable[[Any], bool]:
    return lambda value: any(kind.__name__ == name for kind in type(value).__mro__)


def as_path(path: Any, what: str) -> Path:
    """Check that a value is a path that the system can look up, and return it.

    Parameters
    ----------
    path : str or path
        A leading ``~`` is expanded.
    what : str
        What the path leads to, for the message.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If it is not a path, is empty, holds a NUL, is too long, or names an unknown home.
    """
    if isinstance(path, str) and not path:
        raise InputError(f"Expected the path of {what}, got an empty text: name one.")
    try:
        found = Path(path).expanduser()
        found.exists()
    except (OSError, RuntimeError, TypeError, ValueError) as error:
        why = getattr(error, "strerror", None) or error
        raise InputError(
            f"Expected the path of {what}, got {described(path)} ({why}): check it."
        ) from error
    if "\0" in str(found):
        raise InputError(f"Expected the path of {what}, got {path!r}, which holds a NUL: check it.")
    return found


def with_home(path: str) -> str:
    """Return a path with a leading ``~`` expanded; one that holds a NUL stays as it is.

    Parameters
    ----------
    path : str
        A path from a file or a caller. Nothing is raised, because callers check it later.

    Returns
    -------
    str
    """
    return path if "\0" in path else os.path.expanduser(path)  # noqa: PTH111 -- many strings


def as_count(count: Any, what: str, least: int = 1) -> int:
    """Check a count and return it as a Python integer.

    Parameters
    ----------
    count : int
    what : str
        What is counted, for the message.
    least : int
        The smallest count allowed.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(count, bool) or not is_whole_number(count, least):
        raise InputError(
            f"Expected {what} as a whole number of {least} or more, got {described(count)}: choose "
            "another."
        )
    return int(count)


def as_numbers(values: Any, what: str, *shape: int | None) -> NDArray[Any]:
    """Check finite numbers of a shape and return them as an array.

    Parameters
    ----------
    values : array-like
        Numbers, or True and False.
    what : str
        What the numbers are, for the message.
    *shape : int or None
        Length of each axis; None allows any length.

    Returns
    -------
    array of that shape

    Raises
    ------
    InputError
        If the shape differs, or a value is not a finite number.
    """
    try:
        array = np.asarray(values)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged; a tensor with a gradient
        raise InputError(f"Expected {what} as an array of numbers, got {error}.") from error
    fits = array.ndim == len(shape) and all(
        want in (None, have) for want, have in zip(shape, array.shape, strict=True)
    )
    if not fits:
        wanted = ", ".join("any" if length is None else str(length) for length in shape)
        raise InputError(f"Expected {what} of shape ({wanted}), got {array.shape}: reshape it.")
    if array.dtype.kind not in "fiub" or not np.isfinite(array).all():
        raise InputError(
            f"Expected {what} as finite numbers, got {described(array)}: replace the other values."
        )
    return array


def as_seed(seed: Any) -> int:
    """Check a seed of random numbers and return it as a Python integer.

    Parameters
    ----------
    seed : int
        Whole number in 0..2**32 - 1, the range that every library in use accepts.

    Returns
    -------
    int

    Raises
    ------
    InputError
        If it is something else.
    """
    if isinstance(seed, bool) or not is_whole_number(seed, 0) or int(seed) >= 2**32:
        raise InputError(
            f"Expected a seed from 0 to 2**32 - 1, got {seed!r}: choose a whole number in that "
            "range."
        )
    return int(seed)


def as_indices(indices: Any, count: int, what: str, *, least: int = 0) -> NDArray[np.int32]:
    """Check numbers that refer to rows of another array and return them as int32.

    Parameters
    ----------
    indices : integer array
        Row numbers, `least`..count-1, of any shape.
    count : int
        Number of rows of the other array.
    what : str
        Name of the indices, for the message.
    least : int
        Smallest number allowed; -1 if it stands for "none".

    Returns
    -------
    int32 array of the same shape

    Raises
    ------
    InputError
        If the dtype is not integer, or a number refers to no row.
    """
    try:
        indices = np.asarray(indices)
    except (TypeError, ValueError, RuntimeError) as error:  # ragged
        raise InputError(f"Expected {what} as whole numbers, got {error}.") from error
    if indices.size and not np.issubdtype(indices.dtype, np.integer):
        raise InputError(
            f"Expected {what} that are whole numbers, got dtype {indices.dtype}: convert them to "
            "int32."
        )
    if indices.size and (indices.min() < least or indices.max() >= count):
        raise InputError(
            f"Expected {what} from {least} to {count - 1}, got {indices.min()} to "
            f"{indices.max()}: compute them again for these {count} rows."
        )
    checked: NDArray[np.int32] = indices.astype(np.int32, copy=False)
    return checked
