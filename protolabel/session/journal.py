"""Write corrections to disk as they are made, so that none is lost with the kernel.

The journal of an image folder is one file beside its vectors, to which every session over that
folder appends: one line of JSON for each change, with a checksum. Each line is one write to a file
opened for appending, so several processes may write. Lines that a crash or a full disk cut short
are skipped.
"""

from __future__ import annotations

import base64
import errno
import json
import os
import threading
import warnings
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.embedding.cache import journal_file
from protolabel.embedding.prompts import DEFAULT_TEMPLATES, ClassPrompts, ClassVectors
from protolabel.errors import InputError
from protolabel.session.saving import plain_settings
from protolabel.session.settings import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Journal", "SavedCorrections"]

_BY_HAND = {"pins", "rename", "classes", "templates"}  # flushed to disk, against a power cut
_NOT_KEPT = "not kept"
_APPEND = (
    os.O_WRONLY | os.O_CREAT | os.O_APPEND
    | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0)  # no link, no waiting for a pipe
)  # fmt: skip
_LONGEST = 2**28  # bytes of a line, enough for the pins of some millions of images


@dataclass(frozen=True)
class SavedCorrections:
    """Changes by earlier sessions over the same images that this session does not have.

    Attributes
    ----------
    count : int
        Number of changes: `images`, and the number of `settings`.
    when : str
        UTC time of the last change in ISO 8601, to the second.
    images : int
        Number of images whose pins this session does not have.
    settings : tuple of str
        Names of the settings with another value, such as "classes" and "temperature".
    missing : tuple of str
        "visual" or "vocabulary", if it was an array or an encoder, which the journal does not
        keep. Set it again to get the same labels.
    """

    count: int
    when: str
    images: int
    settings: tuple[str, ...]
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class _State:
    """The result of all changes: pins, settings, settings not kept, and the time of the last."""

    pins: Mapping[str, str]
    settings: Mapping[str, Any]
    missing: frozenset[str]
    when: str

    def beyond(
        self, pins: Mapping[str, str], settings: Mapping[str, Any]
    ) -> SavedCorrections | None:
        """Compare with the pins and settings of a session; None if it has all of this."""
        images = sum(pins.get(image) != name for image, name in self.pins.items())
        other = tuple(
            name
            for name, value in self.settings.items()
            if as_plain(settings[name]) != as_plain(value)
        )
        count = images + len(other)
        missing = tuple(name for name in sorted(self.missing) if _is_kept(name, settings[name]))
        return SavedCorrections(count, self.when, images, other, missing) if count else None

    def consistent(self, classes: Any, iterations: int) -> dict[str, Any]:
        """Return settings that fit together, though they may come from several sessions.

        Parameters
        ----------
        classes : ClassPrompts or ClassVectors
            Classes of the session that restores the settings.
        iterations : int
            Its number of iterations.
        """
        settings = dict(self.settings)
        if (settings.get("kept") or 0) > settings.get("iterations", iterations):
            settings["kept"] = None
        names = settings.get("classes", classes)
        if "templates" in settings and isinstance(names, ClassPrompts):
            try:
                ClassPrompts.parse(names, settings["templates"])
            except InputError:  # for classes that are gone
                del settings["templates"]
        return settings


class Journal:
    """The changes made over one folder of images.

    Parameters
    ----------
    root : Path
        The folder of the images.
    store : path, optional
        The folder of their vectors; by default the user's cache.
    """

    def __init__(self, root: Path, store: str | os.PathLike[str] | None) -> None:
        self.path = journal_file(root, store)
        self._silent = False
        self._lock = threading.Lock()

    def write(self, kind: str, value: Any) -> None:
        """Append one change; if the journal cannot be written, warn once and continue.

        Parameters
        ----------
        kind : str
            The name of a setting, or "rename".
        value : object
            The new value. For pins, image -> class name, or None where a pin was removed; for
            "rename", the old and the new name of a class. For arrays and encoders, the journal
            only records that there were some.
        """
        if not _is_kept(kind, value):
            kind, value = _NOT_KEPT, kind
        now = datetime.now(UTC).isoformat(timespec="seconds")
        text = json.dumps({"when": now, "kind": kind, "value": as_plain(value)}, sort_keys=True)
        line = json.dumps({"entry": json.loads(text), "crc32": zlib.crc32(text.encode())})
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, _APPEND, 0o666)
            try:
                content = f"\n{line}\n".encode()  # the first line break ends a line cut short
                if os.write(handle, content) < len(content):
                    raise OSError(errno.ENOSPC, "the disk is full")
                if kind in _BY_HAND:
                    os.fsync(handle)
            finally:
                os.close(handle)
        except OSError as error:
            self._say(error)

    def read(self) -> _State | None:
        """Replay all changes; None if there are none, or they cannot be read."""
        pins: dict[str, str] = {}
        settings: dict[str, Any] = {}
        missing: set[str] = set()
        when = ""
        for entry in self._entries():
            kind, value = entry["kind"], entry["value"]
            if kind == "pins":
                for image, name in value.items():
                    if name is None:
                        pins.pop(image, None)
                    else:
                        pins[image] = name
            elif kind == "rename":
                old, new = value
                pins = {image: new if name == old else name for image, name in pins.items()}
            elif kind == _NOT_KEPT:
                settings.pop(value, None)
                missing.add(value)
            else:
                missing.discard(kind)
                if kind != "visual":
                    settings[kind] = value
            when = entry["when"]
        return _State(pins, settings, frozenset(missing), when) if when else None

    def _entries(self) -> Iterator[dict[str, Any]]:
        if not self.path.is_file():
            return
        try:
            with self.path.open("rb") as file:
                while line := file.readline(_LONGEST):
                    entry = _entry(line)
                    if entry is not None:
                        yield entry
        except OSError:
            return

    def _say(self, error: OSError) -> None:
        with self._lock:
            if self._silent:
                return
            self._silent = True
        warnings.warn(
            f"Corrections are not kept beside the vectors, because {str(self.path.parent)!r} "
            f"cannot be written ({error.strerror or error}). Work goes on; use session.save or "
            "session.export to keep them.",
            stacklevel=2,
        )


def as_plain(value: Any) -> Any:
    """Return a setting as plain values, for JSON."""
    if isinstance(value, ClassPrompts):
        return value.to_dict()
    if isinstance(value, ClassVectors):
        rows = np.ascontiguousarray(value.vectors, "<f4")
        return {
            "names": list(value.names),
            "logit_scale": float(value.logit_scale),
            "shape": list(rows.shape),
            "rows": base64.b64encode(rows.tobytes()).decode("ascii"),
        }
    if isinstance(value, Mapping):
        return {name: as_plain(item) for name, item in value.items()}
    return list(value) if isinstance(value, tuple) else value


def _is_kept(name: str, value: Any) -> bool:
    """Return whether the journal keeps the value of a setting.

    It keeps no arrays, because the cell that made them sets them again, and no second encoder,
    because no encoder is loaded just because a file names it.
    """
    if name == "visual":
        return value is None
    return name != "vocabulary" or value is None or isinstance(value, str | tuple)


def _entry(line: bytes) -> dict[str, Any] | None:
    """Return the entry of a line, or None if it is damaged or a value is invalid."""
    try:
        fields = json.loads(line)
        entry = fields["entry"]
        if zlib.crc32(json.dumps(entry, sort_keys=True).encode()) != fields["crc32"]:
            return None
        return _checked(str(entry["kind"]), entry["value"], str(entry["when"]))
    except (ValueError, KeyError, TypeError, RecursionError, InputError):
        return None


def _vectors(fields: Mapping[str, Any]) -> ClassVectors:
    rows = np.frombuffer(base64.b64decode(fields["rows"]), "<f4").reshape(fields["shape"])
    return ClassVectors(tuple(fields["names"]), rows, fields["logit_scale"])


def _checked(kind: str, value: Any, when: str) -> dict[str, Any] | None:
    if kind == "pins":
        if not isinstance(value, dict):
            return None
        plain_settings({"pins": {image: name for image, name in value.items() if name is not None}})
    elif kind == "rename":
        value = [str(name) for name in value]
        if len(value) != 2:
            return None
    elif kind == "classes":
        value = _vectors(value) if "rows" in value else ClassPrompts.from_dict(value)
    elif kind in (_NOT_KEPT, "visual"):
        if value not in (("visual", "vocabulary") if kind == _NOT_KEPT else (None,)):
            return None
    elif kind in CHECKS:
        value = plain_settings({kind: value})[kind]
        value = DEFAULT_TEMPLATES if value == DEFAULT_TEMPLATES else value
    else:
        return None
    return {"kind": kind, "value": value, "when": when}
