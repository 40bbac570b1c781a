"""Coverage-guided fuzzing (atheris) of every reader of untrusted bytes.

Each reader gets a seed corpus of sound files, and the inputs that earlier runs found
(``tests/data/found``). It runs in a process of its own, so that a crash or an endless loop is
counted. Without atheris the same corpus is mutated at random, without the guide.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib
import io
import json
import os
import random
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":  # what is imported here guides the fuzzer by its coverage
    with contextlib.suppress(ImportError):
        import atheris

        with atheris.instrument_imports(include=["protolabel", "PIL", "zipfile", "tarfile", "csv"]):
            for module in ("session", "exporting", "evaluation", "images", "embedding", "encoders"):
                vars(importlib.import_module(f"protolabel.{module}"))
            importlib.import_module("protolabel.session.session")
            importlib.import_module("protolabel.exporting.dataset")

import numpy as np
from small_world import ColourEncoder, make_photos, make_session
from tally import Tally

import protolabel as pl
from protolabel import evaluation, exporting
from protolabel.common.progress import silent
from protolabel.errors import ProtolabelError
from protolabel.images import read_image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

RUNS = 4000  # inputs of each reader
_SECONDS = 30  # for each reader
_SLOW = 120  # seconds after which one input is an endless loop
FOUND = Path(__file__).parents[2] / "data" / "found"


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield the counts of each reader."""
    work.mkdir(parents=True)
    corpora = _corpora(work)
    for name in READERS:
        folder = work / "corpus" / name
        folder.mkdir(parents=True)
        for number, content in enumerate(corpora[name]):
            (folder / f"{number:03d}").write_bytes(content)
        for path in sorted(FOUND.glob(f"{name}-*")):
            shutil.copy(path, folder)
        yield _fuzz(name, folder, work, (rounds, seed), keep)


def _fuzz(
    name: str, corpus: Path, work: Path, effort: tuple[float, int], keep: Path | None
) -> Tally:
    tally = Tally(f"fuzzing: {name}")
    rounds, seed = effort
    result = work / f"{name}.json"
    call = [sys.executable, __file__, name, str(corpus), str(result), str(round(RUNS * rounds)),
            str(max(3.0, _SECONDS * rounds)), str(seed)]  # fmt: skip
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
    try:
        done = subprocess.run(
            call, capture_output=True, check=False, timeout=_SECONDS + 2 * _SLOW, cwd=work
        )
        status, said = done.returncode, done.stderr.decode("utf-8", "replace")[-300:]
    except subprocess.TimeoutExpired:
        status, said = -1, "no end"
    counts = json.loads(result.read_text()) if result.is_file() else {"tried": 0, "failures": {}}
    tally.tried, tally.raw = counts["tried"], len(counts["failures"])
    for kind, content in counts["failures"].items():
        tally.note(f"raw: {kind}")
        if keep is not None:
            (keep / f"{name}-{abs(hash(kind)) % 10**8:08d}").write_bytes(bytes.fromhex(content))
    if status:
        tally.tried += 1
        tally.crashes += 1
        tally.note(f"crash: status {status}: {said}")
    return tally


def _corpora(work: Path) -> dict[str, list[bytes]]:
    """Return sound files for each reader."""
    warnings.simplefilter("ignore")
    photos = make_photos(work / "photos", 3)
    session = make_session(photos, work / "store")
    session.pin(0, "blue")
    session.save(work / "saved")
    session.embeddings.save(work / "vectors")
    session.export(work / "dataset", formats=["csv", "prototypes", "label_studio"])
    picture = read_image(photos / "red" / "000.png")
    images = []
    for kind, options in (
        ("PNG", {}), ("JPEG", {"progressive": True}), ("WEBP", {}), ("GIF", {}), ("BMP", {}),
        ("TIFF", {"compression": "tiff_lzw"}), ("AVIF", {}), ("HEIF", {}),
    ):  # fmt: skip
        file = io.BytesIO()
        try:
            picture.save(file, kind, **options)
        except (KeyError, OSError, ValueError):
            continue
        images.append(file.getvalue())
    rows = np.asarray(session.embeddings.vectors)
    arrays = {}
    for suffix in ("npy", "npz", "safetensors", "pt"):
        place = work / f"rows.{suffix}"
        if suffix == "npy":
            np.save(place, rows)
        elif suffix == "npz":
            np.savez(place, embeddings=rows)
        elif suffix == "safetensors":
            from safetensors.numpy import save_file

            save_file({"embeddings": rows}, place)
        else:
            import torch

            torch.save({"embeddings": torch.tensor(rows)}, place)
        arrays[suffix] = [place.read_bytes()]
    zipped = io.BytesIO()
    with zipfile.ZipFile(zipped, "w") as archive:
        archive.write(photos / "red" / "000.png", "a/b.png")
        archive.writestr("a/b.json", '{"label": "red"}')
    tarred = work / "shard.tar"
    subprocess.run(["tar", "cf", str(tarred), "-C", str(photos), "red"], check=True)
    saved = work / "saved"
    header = json.dumps({"a.weight": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]}})
    weights = len(header).to_bytes(8, "little") + header.encode() + bytes(4)
    done = [{"result": [{"value": {"choices": ["red"]}}]}]
    tasks = [{"data": {"source": "a.png"}, "annotations": done}, {"source": "b", "label": "red"}]
    return {
        "image": images,
        **arrays,
        "paths": [(work / "vectors" / "image_paths.txt").read_bytes(), b"\xef\xbb\xbfa\r\nb\r\n"],
        "about": [(work / "vectors" / "embeddings.json").read_bytes()],
        "session_json": [(saved / "session.json").read_bytes()],
        "session_npz": [(saved / "session.npz").read_bytes()],
        "dataset": [(work / "dataset" / "metadata.json").read_bytes()],
        "classifier": [(work / "dataset" / "classifier.npz").read_bytes()],
        "corrections": [(work / "store" / "corrections.jsonl").read_bytes()],
        "store_index": [next((work / "store").rglob("index-*.jsonl")).read_bytes()],
        "store_header": [next((work / "store").rglob("store.json")).read_bytes()],
        "csv": [b"image,truth\na.png,red\n", (work / "dataset" / "labels.csv").read_bytes()],
        "table": [b'[{"path": "a.png", "label": "red"}]', b"path,label\na.png,red\n"],
        "label_studio": [json.dumps(tasks).encode(),
                         (work / "dataset" / "label_studio" / "tasks.json").read_bytes()],
        "checkpoint": [weights, *arrays["pt"]],
        "zip": [zipped.getvalue()],
        "tar": [tarred.read_bytes()],
    }  # fmt: skip


def _image(place: Path) -> None:
    read_image(place, short_side=8)


def _vectors(suffix: str) -> Callable[[Path], None]:
    def read(place: Path) -> None:
        named = place.with_name(f"rows.{suffix}")
        shutil.copy(place, named)
        pl.load_embeddings(named, [f"{number}.png" for number in range(9)])

    return read


def _in_folder(source: str, name: str, read: Callable[[Path], object]) -> Callable[[Path], None]:
    """Return a reader of a folder of ours, of which one file is the input."""

    def replaced(place: Path) -> None:
        folder = place.parent / source
        if not folder.is_dir():
            shutil.copytree(Path.cwd() / source, folder)
        target = next(folder.rglob(name))
        shutil.copy(place, target)
        read(folder)

    return replaced


def _load_session(folder: Path) -> None:
    _ = pl.Session.load(folder, progress=silent, encoder=ColourEncoder()).labels.counts


def _read_dataset(folder: Path) -> None:
    about = exporting.read_metadata(folder)
    exporting.evaluate_dataset(folder, {about["images"][0]["source"]: "red"})
    pl.Session.load(folder, progress=silent, encoder=ColourEncoder(), images=Path.cwd() / "photos")


def _restore(folder: Path) -> None:
    own = pl.Session(Path.cwd() / "photos", ["red", "green", "blue"], encoder=ColourEncoder(),
                     store=folder, progress=silent)  # fmt: skip
    if own.saved_corrections is not None:
        own.restore_corrections()
    _ = own.labels


def _embed(folder: Path) -> None:
    pl.embed_images(
        pl.find_images(Path.cwd() / "photos"), ColourEncoder(), store=folder, progress=silent
    )


def _named(name: str, read: Callable[[Path], object]) -> Callable[[Path], None]:
    def renamed(place: Path) -> None:
        named = place.with_name(name)
        shutil.copy(place, named)
        read(named)

    return renamed


def _table(place: Path) -> None:
    start = place.read_bytes()[:1]
    _named("t.json" if start in b"[{" else "t.csv", pl.find_images)(place)


READERS: dict[str, Callable[[Path], None]] = {
    "image": _image,
    "npy": _vectors("npy"),
    "npz": _vectors("npz"),
    "safetensors": _vectors("safetensors"),
    "pt": _vectors("pt"),
    "paths": _in_folder("vectors", "image_paths.txt", pl.load_embeddings),
    "about": _in_folder("vectors", "embeddings.json", pl.load_embeddings),
    "session_json": _in_folder("saved", "session.json", _load_session),
    "session_npz": _in_folder("saved", "session.npz", _load_session),
    "dataset": _in_folder("dataset", "metadata.json", _read_dataset),
    "classifier": _named("classifier.npz", pl.PrototypeClassifier.load),
    "corrections": _in_folder("store", "corrections.jsonl", _restore),
    "store_index": _in_folder("store", "index-0.jsonl", _embed),
    "store_header": _in_folder("store", "store.json", _embed),
    "csv": evaluation.read_truth,
    "table": _table,
    "label_studio": exporting.read_label_studio,
    "checkpoint": _named("weights.safetensors", lambda place: pl.load_encoder("ViT-B-32", place)),
    "zip": _named("a.zip", pl.find_images),
    "tar": _named("a.tar", pl.find_images),
}


class _Counts:
    """What the inputs of one reader did, written down as it happens."""

    def __init__(self, name: str, result: Path) -> None:
        self.read, self.result = READERS[name], result
        self.folder = Path(tempfile.mkdtemp(dir=result.parent))
        self.tried, self.failures, self.end = 0, {}, float("inf")

    def __call__(self, content: bytes) -> None:
        """Read one input."""
        if time.monotonic() > self.end:
            self.finish()
        self.tried += 1
        place = self.folder / "input"
        place.write_bytes(content)
        try:
            self.read(place)
        except ProtolabelError:
            pass
        except Exception as error:  # noqa: BLE001 -- counted
            trace = error.__traceback__
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            code = trace.tb_frame.f_code if trace is not None else None
            place_ = "" if code is None else f"{Path(code.co_filename).name}:{trace.tb_lineno}"
            kind = f"{type(error).__name__} at {place_}: {str(error)[:80]}"
            kind = "".join(letter for letter in kind if not letter.isdigit() or letter == ":")
            self.failures.setdefault(kind, content.hex())
        if self.tried % 50 == 0:
            self.write()

    def write(self) -> None:
        """Keep the counts, should the process end."""
        text = json.dumps({"tried": self.tried, "failures": self.failures})
        self.result.write_text(text)

    def finish(self) -> None:
        """Write the counts and end the process: atheris would go on."""
        self.write()
        os._exit(0)


def _mutated(content: bytes, rng: random.Random) -> bytes:
    changed = bytearray(content)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(changed) or 1)
        kind = rng.randrange(4)
        if kind == 0 and changed:
            changed[place % len(changed)] ^= 1 << rng.randrange(8)
        elif kind == 1:
            changed[place:place] = rng.randbytes(rng.randint(1, 8))
        elif kind == 2:
            del changed[place : place + rng.randint(1, 64)]
        elif changed:
            changed[place % len(changed)] = rng.choice((0, 1, 127, 128, 255))
    return bytes(changed)


def main(name: str, corpus: str, result: str, effort: tuple[int, float, int]) -> None:
    """Fuzz one reader in this process, with so many inputs, seconds, and a seed."""
    runs, seconds, seed = effort
    warnings.simplefilter("ignore")
    os.environ["HF_HUB_OFFLINE"] = "1"
    resource.setrlimit(resource.RLIMIT_AS, (12 * 2**30, 12 * 2**30))  # not the whole machine
    counts = _Counts(name, Path(result))
    seeds = [path.read_bytes() for path in sorted(Path(corpus).iterdir())]
    for content in [b"", *seeds]:
        counts(content)
    counts.end = time.monotonic() + seconds
    try:
        import atheris
    except ImportError:
        rng = random.Random(seed)
        while counts.tried < runs and time.monotonic() < counts.end:
            counts(_mutated(rng.choice(seeds), rng))
        counts.finish()
    longest = max(map(len, seeds)) + 1000
    flags = [f"-runs={runs}", f"-max_len={longest}", f"-timeout={_SLOW}", f"-seed={seed + 1}",
             "-rss_limit_mb=8000", f"-artifact_prefix={result}-"]  # fmt: skip
    atheris.Setup([sys.argv[0], *flags, corpus], counts)
    atexit.register(counts.write)
    atheris.Fuzz()


if __name__ == "__main__":
    _, reader, seeds_in, counts_in, runs_, seconds_, seed_ = sys.argv
    main(reader, seeds_in, counts_in, (int(runs_), float(seconds_), int(seed_)))
