"""What a part of the bench counts, and how."""

from __future__ import annotations

import os
import signal
import traceback
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.errors import ProtolabelError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["Different", "Lost", "Tally", "in_child"]

_NOTES = 200  # messages that a part keeps: the rest repeats them
_PATIENCE = 60  # seconds for one attempt in a child


class LostError(AssertionError):
    """Something of the user's is gone."""


class DifferentError(AssertionError):
    """A result is not what it has to be, and nothing said so."""


Lost, Different = LostError, DifferentError


@dataclass
class Tally:
    """The counts of one part: `tried` = `survived` + the four kinds of failure.

    Attributes
    ----------
    name : str
        The part, and which of its subjects.
    tried : int
        Attempts. One that works or raises a `ProtolabelError` has survived.
    lost : int
        Attempts after which something of the user's was gone.
    raw : int
        Attempts that raised another exception.
    crashes : int
        Attempts that ended the interpreter, or did not end.
    differences : int
        Attempts with another result than the right one, or than that of an undisturbed run.
    growth : float or None
        MiB by which memory grew from the second tenth of the attempts to the last.
    notes : list of str
        What happened in the attempts that failed.
    """

    name: str
    tried: int = 0
    lost: int = 0
    raw: int = 0
    crashes: int = 0
    differences: int = 0
    growth: float | None = None
    notes: list[str] = field(default_factory=list)

    @property
    def survived(self) -> int:
        """Attempts without a failure."""
        return self.tried - self.lost - self.raw - self.crashes - self.differences

    @contextmanager
    def attempt(self, what: str) -> Iterator[None]:
        """Count what happens in the block."""
        self.tried += 1
        try:
            yield
        except ProtolabelError:
            pass
        except LostError as error:
            self.lost += 1
            self.note(f"lost: {what}: {error}")
        except DifferentError as error:
            self.differences += 1
            self.note(f"different: {what}: {error}")
        except Exception as error:  # noqa: BLE001 -- counted
            self.raw += 1
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            self.note(f"raw: {what}: {type(error).__name__} at {where}: {str(error)[:160]}")

    def note(self, text: str) -> None:
        """Keep a message, the first of each kind."""
        if len(self.notes) < _NOTES and text not in self.notes:
            self.notes.append(text)

    def record(self) -> dict[str, Any]:
        """Return the counts as JSON holds them."""
        return asdict(self)


def in_child(work: Callable[[], object]) -> tuple[str, str]:
    """Run `work` in a fork of this process, so that a crash or an endless wait ends only that.

    Returns
    -------
    outcome : {"well", "refused", "lost", "different", "raw", "crashed"}
    message : str
    """
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.close(reading)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_PATIENCE)
        said = "well\n"
        try:
            work()
        except ProtolabelError as error:
            said = f"refused\n{error}"
        except LostError as error:
            said = f"lost\n{error}"
        except DifferentError as error:
            said = f"different\n{error}"
        except BaseException as error:  # noqa: BLE001 -- told to the parent
            place = traceback.extract_tb(error.__traceback__)[-1]
            where = f"{Path(place.filename).name}:{place.lineno}"
            said = f"raw\n{type(error).__name__} at {where}: {error}"
        finally:
            os.write(writing, said.encode("utf-8", "backslashreplace")[:4000])
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        text = pipe.read().decode("utf-8", "replace")
    status = os.waitpid(child, 0)[1]
    outcome, _, message = text.partition("\n")
    if status:
        return "crashed", f"ended with status {status}"
    return outcome, message


def count(tally: Tally, what: str, outcome: str, message: str) -> None:
    """Enter what `in_child` returned into a tally."""
    tally.tried += 1
    if outcome in ("well", "refused"):
        return
    name = {"lost": "lost", "different": "differences", "raw": "raw", "crashed": "crashes"}[outcome]
    setattr(tally, name, getattr(tally, name) + 1)
    tally.note(f"{outcome}: {what}: {message[:200]}")
