"""What protolabel survives: one table over strange folders, kills, full disks and hostile input.

    python tests/benchmarks/reliability [PARTS ...] [--rounds 1.0] [--seed 0]

Every part runs in a process of its own, so that a crash is counted and ends nothing else. Of the
columns, lost, raw exceptions, crashes and differences have to be 0:

- lost: something of the user's was gone, whenever the process died or the disk was full;
- raw: an exception that is no `ProtolabelError`;
- crashes: the interpreter ended, or did not come back;
- differences: another result than the right one, without a word.

`--rounds 0.1` is a tenth of the attempts, for a look; 1 takes minutes.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ.setdefault(name, "1")  # forks of a process with threads of BLAS are not safe

PARTS = {
    "entries": "kinds of entries in a folder",
    "kills": "SIGKILL during embed, save and export",
    "disk_full": "a disk that fills up, for every writer",
    "bit_flips": "a flipped bit in every file of ours",
    "two_processes": "two processes on one folder",
    "calls": "public calls with anything as arguments",
    "fuzzing": "readers of untrusted bytes",
    "hostile_names": "hostile names in a browser",
    "soak": "sliders, class edits, exports and studios",
}
_LIMIT = 3600  # seconds for one part


def main() -> int:
    """Run the parts that are asked for, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--rounds", type=float, default=1.0, help="share of the attempts")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", type=Path, help="folder for inputs that were found")
    parser.add_argument("--inside", help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = set(options.parts) - set(PARTS)
    if unknown:
        parser.error(f"no part {', '.join(unknown)}; there are {', '.join(PARTS)}")
    if options.inside:
        return _inside(options)
    rows = []
    for part in options.parts or PARTS:
        start, used = time.perf_counter(), _processor_time()
        found = _run(part, options)
        seconds, used = time.perf_counter() - start, _processor_time() - used
        print(
            f"{part}: {PARTS[part]}, {seconds:.0f} s, {used:.0f} s of processor time",
            file=sys.stderr, flush=True,
        )  # fmt: skip
        for row in found:
            for note in row["notes"]:
                print(f"  {row['name']}: {note}", file=sys.stderr, flush=True)
        rows += found
    _print(rows)
    return int(any(row[kind] for row in rows for kind in ("lost", "raw", "crashes", "differences")))


def _run(part: str, options: argparse.Namespace) -> list[dict]:
    with tempfile.TemporaryDirectory(prefix="reliability-", ignore_cleanup_errors=True) as folder:
        call = [sys.executable, __file__, part, "--inside", folder, "--seed", str(options.seed),
                "--rounds", str(options.rounds)]  # fmt: skip
        if options.keep:
            call += ["--keep", str(options.keep)]
        cache = {**os.environ, "XDG_CACHE_HOME": str(Path(folder, "cache")), "HOME": folder}
        try:
            status = subprocess.run(call, env=cache, timeout=_LIMIT, check=False).returncode
        except subprocess.TimeoutExpired:
            status = "no end"
        written = Path(folder, "counts.json")
        rows = json.loads(written.read_text("utf-8")) if written.is_file() else []
        if status != 0:
            rows.append(
                {"name": part, "tried": 1, "lost": 0, "raw": 0, "crashes": 1, "differences": 0,
                 "growth": None, "notes": [f"the process of the part ended with {status}"]}
            )  # fmt: skip
        return rows


def _processor_time() -> float:
    times = os.times()
    return times.children_user + times.children_system


def _inside(options: argparse.Namespace) -> int:
    (part,), folder = options.parts, Path(options.inside)
    module = importlib.import_module(part)
    records = []
    for tally in module.run(folder / "work", options.rounds, options.seed, options.keep):
        records.append(tally.record())
        # After each: a crash in the next one loses none.
        (folder / "counts.json").write_text(json.dumps(records), "utf-8")
    return 0


def _print(rows: list[dict]) -> None:
    print(
        f"{datetime.now(UTC):%Y-%m-%d}, Python {platform.python_version()}, "
        f"{platform.system()} {platform.machine()}\n"
    )
    print("| part | tried | survived | lost | raw | crashes | differences | memory growth |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for row in rows:
        failed = sum(row[kind] for kind in ("lost", "raw", "crashes", "differences"))
        growth = "" if row["growth"] is None else f"{row['growth']:.0f} MiB"
        print(
            f"| {row['name']} | {row['tried']:,} | {row['tried'] - failed:,} | {row['lost']} | "
            f"{row['raw']} | {row['crashes']} | {row['differences']} | {growth} |"
        )


if __name__ == "__main__":
    sys.exit(main())
