"""A table embedded and labelled on two Ray nodes, while parts of the cluster are killed.

    python tests/benchmarks/two_ray_nodes.py [--vectors 1000000] [--pictures 20000]

The cluster lives in a network namespace that has nothing but a loopback device, so that no port
is open to anybody else; that needs the right to make one (root). The vectors are labelled, and
the pictures embedded, first by Daft on this machine and then on the cluster, where the actor that
holds the model, a worker, a node and the driver are killed. Nothing may be lost or there twice, and
the results must be equal. Needs ``pip install 'protolabel[ray]'``.
"""

from __future__ import annotations

import argparse
import html
import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))

ALLOWED = ["unshare", "-n", "--pid", "--fork", "--kill-child", "--mount-proc"]
NOT_ALLOWED = 77
PORT = 6399
ON_RAY = {"DAFT_RUNNER": "ray", "RAY_ADDRESS": f"127.0.0.1:{PORT}"}
RAY = [sys.executable, "-m", "ray.scripts.scripts"]
COMMON = ("--node-ip-address=127.0.0.1", "--num-cpus=1", "--disable-usage-stats")
QUIET = {
    "DO_NOT_TRACK": "true", "RAY_USAGE_STATS_ENABLED": "0", "OMP_NUM_THREADS": "1",
    "RAY_DISABLE_DASHBOARD": "1", "DAFT_PROGRESS_BAR": "0",
    "RAY_worker_register_timeout_seconds": "600",  # a busy machine starts Python slowly
}  # fmt: skip
DRIVER = """
from protolabel.tables import apply_table, embed_table
if what == "embed":
    print(embed_table(source, output, encoder="sample", device="cpu"))
else:
    print(apply_table(what, source, output))
"""


def namespace_allowed() -> bool:
    """Say whether this process may make a network namespace."""
    try:
        return subprocess.run([*ALLOWED, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


def start_node(folder: Path, *, head: bool) -> None:
    """Start a Ray node on the loopback device."""
    where = (
        ["--head", f"--port={PORT}", "--include-dashboard=false", f"--temp-dir={folder}"]
        if head
        else [f"--address=127.0.0.1:{PORT}"]
    )
    command = [*RAY, "start", *where, *COMMON, "--object-store-memory=500000000"]
    for _ in range(8):  # Ray gives a node 30 s, which a busy machine may need longer than
        if not subprocess.run(command, capture_output=True, check=False).returncode:
            return
        if head:
            subprocess.run([*RAY, "stop", "--force"], capture_output=True, check=False)
    sys.exit("no Ray node could be started")


def drive(arguments: list[str], *, ray: bool, wait: bool = True) -> subprocess.Popen[str]:
    """Run a driver in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-c", written(arguments)], env=os.environ | (ON_RAY if ray else {}),
        text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if wait:
        printed, _ = process.communicate()
        print(f"    {printed.strip()}", flush=True)
        if process.returncode:
            sys.exit(f"the driver failed with {process.returncode}")
    return process


def written(arguments: list[str]) -> str:
    """Return the driver as a program."""
    return f"what, source, output = {arguments!r}\n{DRIVER}"


def drive_in_notebook(arguments: list[str], folder: Path) -> None:
    """Run a driver on the cluster in a notebook, and print what it and its bars show."""
    import nbformat
    from nbclient import NotebookClient

    setting = f"import os\nos.environ.update({ON_RAY!r})\n"
    cell = nbformat.v4.new_code_cell(setting + written(arguments))
    client = NotebookClient(
        nbformat.v4.new_notebook(cells=[cell]), timeout=None,
        resources={"metadata": {"path": str(folder)}},
    )  # fmt: skip
    bars: list[str] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(1.0):
            for widget in list(client.widget_state.values()):
                text = html.unescape(str(widget.get("value", "")))
                if "<" in text and "/" in text and text not in bars:
                    bars.append(text)

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    client.execute()
    ended.set()
    watcher.join()
    for bar in bars[:: max(1, len(bars) // 4)]:
        print(f"    bar in the notebook: {bar.strip()}", flush=True)
    for output in cell.outputs:
        if "without a result" in output.get("text", ""):
            print(f"    {output['text'].strip().splitlines()[-1]}", flush=True)


def title(process: int) -> str:
    """Return what a process calls itself; "" if it has ended."""
    try:
        return Path(f"/proc/{process}/cmdline").read_bytes().replace(b"\0", b" ").decode().strip()
    except OSError:
        return ""


def processes(*words: str, parent: int | None = None) -> list[int]:
    """Return the processes of this namespace that are called so, the oldest first."""
    found = []
    for process in sorted(
        int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()
    ):
        if any(word in title(process).split(" ")[0] for word in words):
            with suppress(OSError):
                line = re.search(r"PPid:\t([0-9]+)", Path(f"/proc/{process}/status").read_text())
                found += [process] if line and parent in {None, int(line[1])} else []
    return found


def rows_in(output: Path) -> int:
    """Count rows by the names of the shards."""
    return sum(int(path.stem.rpartition("-")[2]) for path in output.glob("part-*.parquet"))


def wait_for(output: Path, rows: int, driver: subprocess.Popen[str]) -> bool:
    """Wait until so many rows are written; False if the driver ended before."""
    while rows_in(output) < rows:
        if driver.poll() is not None:
            return False
        time.sleep(0.05)
    return True


def kill(what: str, found: list[int], output: Path) -> None:
    """Kill the youngest process of those found, and say what it was."""
    if not found:
        print(f"    no {what} to kill at {rows_in(output):,} rows", flush=True)
        return
    called = title(found[-1]).split(" ")[0].rpartition("/")[2]
    os.kill(found[-1], signal.SIGKILL)
    print(f"    killed: {what} ({called}) at {rows_in(output):,} rows", flush=True)


def disturbed(arguments: list[str], total: int, temporary: Path) -> None:
    """Run a driver; kill the actor with the model, a worker, a node and it; run it again."""
    output = Path(arguments[2])
    driver = drive(arguments, ray=True, wait=False)
    node, models = processes("/raylet/raylet")[-1], set()
    if wait_for(output, total // 8, driver):
        # Daft makes these, and nothing else, from the class that loads the model.
        models = set(processes("ray::UDFActor"))
        kill("actor that holds the model", processes("ray::UDFActor"), output)
    if wait_for(output, total // 4, driver):
        again = set(processes("ray::UDFActor")) - models
        print(f"    actors that loaded the model again: {len(again)}", flush=True)
        # Daft's worker of the node, which is called as the task that it works on.
        kill("worker", processes("ray::RaySwordfishActor", "->", parent=node), output)
    if wait_for(output, 3 * total // 8, driver):
        kill("node", [node], output)
    another = threading.Thread(target=start_node, args=(temporary,), kwargs={"head": False})
    another.start()
    going = wait_for(output, 5 * total // 8, driver)
    another.join()
    if not going:
        print(f"    the driver gave up at {rows_in(output):,} rows; it starts again", flush=True)
        driver = drive(arguments, ray=True, wait=False)
        wait_for(output, 5 * total // 8, driver)
    kill("driver", [driver.pid] if driver.poll() is None else [], output)
    driver.wait()
    drive_in_notebook(arguments, temporary.parent)


def table_of(output: Path) -> dict[str, list]:
    """Read all shards, ordered by id."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    parts = [pq.read_table(path) for path in sorted(output.glob("part-*.parquet"))]
    return pa.concat_tables(parts).sort_by("id").to_pydict()


def compare(local: Path, cluster: Path, total: int, column: str) -> None:
    """Print what was lost, what is there twice, and what differs."""
    wanted, found = table_of(local), table_of(cluster)
    twice = len(found["id"]) - len(set(found["id"]))
    lost = total - len(set(found["id"]))
    equal = wanted["id"] == found["id"] and wanted["error"] == found["error"]
    if column == "vector":
        pairs = zip(wanted["vector"], found["vector"], strict=True)
        equal = equal and all(
            a == b or np.allclose(a, b, atol=1e-3) for a, b in pairs if a is not None
        )
    else:
        equal = equal and wanted[column] == found[column]
    print(f"    lost {lost}, twice {twice}, {column}s equal: {equal}", flush=True)
    if lost or twice or not equal:
        sys.exit("the cluster did not do what one machine does")


def timed(what: str, begun: float) -> None:
    """Print how long something took."""
    print(f"{what}: {time.perf_counter() - begun:.1f} s", flush=True)


def inside(vectors: int, pictures: int) -> None:
    """Make the data, start the cluster, run."""
    import pyarrow as pa
    import pyarrow.parquet as pq
    from large_folder import simulate

    import protolabel as pl
    from protolabel.common.progress import silent
    from protolabel.tables import fit_table

    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with tempfile.TemporaryDirectory(prefix="pl", dir="/tmp", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        begun = time.perf_counter()
        temporary = folder / "r"
        start_node(temporary, head=True)
        start_node(temporary, head=False)
        timed("start of two Ray nodes", begun)
        _, _, classes = simulate(folder / "v.npy", vectors, 10)
        x = np.load(folder / "v.npy", mmap_mode="r")
        (folder / "vectors").mkdir()
        for start in range(0, vectors, 50_000):
            part = np.asarray(x[start : start + 50_000])
            lists = pa.FixedSizeListArray.from_arrays(pa.array(part.ravel()), part.shape[1])
            ids = pa.array([f"{row:09}" for row in range(start, start + len(part))])
            table = pa.table({"id": ids, "vector": lists})
            pq.write_table(table, folder / "vectors" / f"{start:09}.parquet")
        drawn = pl.write_sample_pictures(
            folder / "pictures", classes=["dog", "cat", "giraffe"],
            per_class=-(-min(pictures, 1_000) // 3), seed=1,
        )  # fmt: skip
        files = sorted(str(path) for path in Path(drawn.folder).rglob("*.jpg"))
        (folder / "broken.jpg").write_bytes(b"no picture")
        files.append(str(folder / "broken.jpg"))
        listed = [files[row % len(files)] for row in range(pictures)]
        for start in range(0, pictures, -(-pictures // 16)):
            part = listed[start : start + -(-pictures // 16)]
            ids = [f"{row:09}" for row in range(start, start + len(part))]
            table = pa.table({"id": ids, "path": part})
            (folder / "list").mkdir(exist_ok=True)
            pq.write_table(table, folder / "list" / f"{start:09}.parquet")

        begun = time.perf_counter()
        fit_table(folder / "vectors", classes, folder / "fit", sample=20_000, progress=silent)
        timed("fit to a sample of 20,000 vectors", begun)
        jobs = [
            (f"{vectors:,} vectors labelled", str(folder / "fit"), "vectors", "label", vectors),
            (f"{pictures:,} pictures embedded", "embed", "list", "vector", pictures),
        ]
        for what, kind, source, column, _ in jobs:
            begun = time.perf_counter()
            drive([kind, str(folder / source), str(folder / f"local_{column}")], ray=False)
            timed(f"{what} on this machine", begun)
        for what, kind, source, column, total in jobs:
            arguments = [kind, str(folder / source), str(folder / f"cluster_{column}")]
            begun = time.perf_counter()
            disturbed(arguments, total, temporary)
            timed(f"{what} on the cluster, with all that was killed", begun)
            compare(folder / f"local_{column}", folder / f"cluster_{column}", total, column)
        subprocess.run([*RAY, "stop", "--force"], capture_output=True, check=False)
        time.sleep(1)


def main() -> int:
    """Read the command line, and go into a namespace of our own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--vectors", type=int, default=1_000_000)
    parser.add_argument("--pictures", type=int, default=20_000)
    parser.add_argument("--inside", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inside:
        inside(options.vectors, options.pictures)
        return 0
    if not namespace_allowed():
        print("a network namespace is not allowed here, and Ray listens on every interface")
        return NOT_ALLOWED
    command = [*ALLOWED, sys.executable, __file__, *sys.argv[1:], "--inside"]
    return subprocess.run(command, env=os.environ | QUIET, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
