"""Tables of every kind go through the command line: embed, fit, apply, labels."""

from __future__ import annotations

import csv
import io
import tarfile
from typing import TYPE_CHECKING

import numpy as np
import pytest

import protolabel as pl
from protolabel.cli import main
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

daft = pytest.importorskip("daft", reason="needs protolabel[scale], in an environment of its own")
pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

CLASSES = ["dog", "cat", "giraffe"]
ENCODER = ["--encoder", "sample"]


@pytest.fixture(scope="module")
def pictures(tmp_path_factory) -> dict[str, bytes]:
    """Names without a dot, which a WebDataset would cut, and encoded pictures."""
    folder = tmp_path_factory.mktemp("pictures")
    pl.write_sample_pictures(folder, classes=CLASSES, per_class=8, seed=5)
    return {path.stem: path.read_bytes() for path in sorted(folder.glob("*.jpg"))}


@pytest.fixture(scope="module")
def wanted(pictures, tmp_path_factory) -> dict[str, str]:
    """The labels that the same pictures get as a folder: a run, applied to them."""
    folder = tmp_path_factory.mktemp("folder")
    for name, data in pictures.items():
        (folder / f"{name}.jpg").write_bytes(data)
    encoder = pl.load_encoder("sample")
    vectors = pl.embed_images(pl.find_images(folder), encoder, progress=silent).vectors
    graph = pl.knn_graph(vectors, 10)
    classes = pl.embed_classes(CLASSES, encoder)
    run = pl.refine(vectors, classes, pl.cluster(vectors, graph, progress=silent), progress=silent)
    labels = pl.PrototypeClassifier.from_labels(pl.label(run), vectors).label(vectors)
    return dict(zip(pictures, (labels.names[c] for c in labels.label), strict=True))


def run(*words: str) -> None:
    assert main(list(words)) in (None, 0)


def through(table: str, place: str, tmp_path: Path, *columns: str) -> dict[str, str]:
    """Embed, fit, apply to the vectors and to the images, export; return the labels by id."""
    fitted = str(tmp_path / "fitted")
    run("embed", table, "--shards", "--output", f"{place}/vectors", *ENCODER, *columns)
    run("fit", f"{place}/vectors", "--classes", *CLASSES, "--output", fitted)
    run("apply", fitted, f"{place}/vectors", "--shards", "--output", f"{place}/labels")
    run("apply", fitted, table, "--shards", "--output", f"{place}/again", *columns)
    found = []
    for shards in ("labels", "again"):
        run("labels", f"{place}/{shards}", "--output", str(tmp_path / f"{shards}.csv"))
        run("labels", f"{place}/{shards}", "--output", str(tmp_path / f"{shards}.parquet"))
        rows = list(csv.DictReader((tmp_path / f"{shards}.csv").open()))
        assert [row["error"] for row in rows] == [""] * len(rows)
        assert len(pq.read_table(tmp_path / f"{shards}.parquet")) == len(rows)
        found.append({row["id"]: row["label"] for row in rows})
    assert found[0] == found[1]
    return found[0]


def agree(found: dict[str, str], wanted: dict[str, str]) -> None:
    assert found.keys() == wanted.keys()
    assert np.mean([found[name] == wanted[name] for name in wanted]) >= 0.95


def hugging_face(pictures: dict[str, bytes]) -> pa.Table:
    """The columns that datasets writes for its feature Image."""
    images = [{"bytes": data, "path": f"{name}.jpg"} for name, data in pictures.items()]
    return pa.table({"image": images, "image_id": list(pictures)})


def test_parquet(pictures, wanted, tmp_path):
    pq.write_table(hugging_face(pictures), tmp_path / "list.parquet")
    agree(through(str(tmp_path / "list.parquet"), str(tmp_path), tmp_path), wanted)


def test_lance(pictures, wanted, tmp_path):
    pytest.importorskip("daft_lance", reason="needs daft-lance, of 90 MB")
    import lance

    table = pa.table({"key": list(pictures), "photo": list(pictures.values())})
    lance.write_dataset(table, str(tmp_path / "list.lance"))
    table = str(tmp_path / "list.lance")
    agree(through(table, str(tmp_path), tmp_path, "--image-column", "photo"), wanted)


def test_a_lance_file_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "list.lance").mkdir()

    def missing(_: str) -> None:
        raise ImportError("daft_lance")

    monkeypatch.setattr(daft, "read_lance", missing)
    with pytest.raises(pl.InputError, match="pip install daft-lance"):
        pl_embed(tmp_path / "list.lance", tmp_path / "out")


def pl_embed(source: Path | str, output: Path) -> None:
    from protolabel.tables import embed_table

    embed_table(source, output, encoder="sample", progress=silent)


def test_a_hugging_face_dataset_that_was_pushed(pictures, wanted, tmp_path):
    """The folder of Parquet files that push_to_hub makes and a snapshot holds."""
    datasets = pytest.importorskip("datasets")
    images = [{"bytes": data, "path": None} for data in pictures.values()]
    features = datasets.Features({"id": datasets.Value("string"), "image": datasets.Image()})
    made = datasets.Dataset.from_dict({"id": list(pictures), "image": images}, features=features)
    (tmp_path / "name" / "data").mkdir(parents=True)
    for number in range(2):
        file = tmp_path / "name" / "data" / f"train-0000{number}-of-00002.parquet"
        made.shard(2, number).to_parquet(str(file))
    agree(through(str(tmp_path / "name"), str(tmp_path), tmp_path), wanted)


def test_a_dataset_that_was_saved_to_disk(pictures, wanted, tmp_path):
    """In two splits, with an earlier save in more files, a cache of map, and a matrix feature."""
    datasets = pytest.importorskip("datasets")
    features = datasets.Features(
        {
            "id": datasets.Value("string"),
            "image": datasets.Image(),
            "matrix": datasets.Array2D((2, 2), "float32"),
        }
    )
    rows = {
        "id": list(pictures),
        "image": [{"bytes": data, "path": None} for data in pictures.values()],
        "matrix": [np.eye(2)] * len(pictures),
    }
    made = datasets.Dataset.from_dict(rows, features=features)
    half = len(made) // 2
    for name, part in (("test", range(half)), ("train", range(half, len(made)))):
        place = str(tmp_path / "saved" / name)
        made.select(part).save_to_disk(place, num_shards=3)
        made.select(part).save_to_disk(place, num_shards=2)
        datasets.load_from_disk(place).map(lambda row: {"id": f"new {row['id']}"})
    assert list((tmp_path / "saved").rglob("cache-*.arrow"))
    assert list((tmp_path / "saved").rglob("data-00000-of-00003.arrow"))
    agree(through(str(tmp_path / "saved"), str(tmp_path), tmp_path), wanted)
    pl_embed(tmp_path / "saved" / "test", tmp_path / "half")
    assert sorted(pq.read_table(tmp_path / "half")["id"].to_pylist()) == sorted(pictures)[:half]


@pytest.mark.parametrize("state", ["", "[]", '{"_data_files": [{"filename": "gone.arrow"}]}'])
def test_a_saved_dataset_that_is_damaged_is_a_clear_error(tmp_path, state):
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "state.json").write_text(state)
    with pytest.raises(pl.InputError, match="Expected a"):
        pl_embed(tmp_path / "saved", tmp_path / "out")
    for content in (b"", b"ARROW1 but no stream"):
        (tmp_path / "list.arrow").write_bytes(content)
        with pytest.raises(pl.InputError, match=r"Expected a stream of Arrow.*list\.arrow"):
            pl_embed(tmp_path / "list.arrow", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_dataset_of_the_hub_is_read_by_its_name(pictures, tmp_path, monkeypatch):
    pq.write_table(hugging_face(pictures), tmp_path / "list.parquet")
    asked = []

    def read(name: str):
        asked.append(name)
        return daft.read_parquet(str(tmp_path / "list.parquet"))

    monkeypatch.setattr(daft, "read_huggingface", read)
    pl_embed("hf://datasets/owner/name", tmp_path / "out")
    assert asked == ["owner/name"]
    assert sorted(pq.read_table(tmp_path / "out")["id"].to_pylist()) == sorted(pictures)


def test_the_command_line_says_why_rows_have_no_result(pictures, tmp_path, capsys):
    for name, data in pictures.items():
        (tmp_path / f"{name}.jpg").write_bytes(data)
    paths = [*(f"{name}.jpg" for name in pictures), "gone.jpg", "lost.jpg"]
    pq.write_table(pa.table({"path": paths}), tmp_path / "list.parquet")
    out = str(tmp_path / "out")
    run("embed", str(tmp_path / "list.parquet"), "--shards", "--output", out, *ENCODER)
    said = capsys.readouterr().out
    assert f"{len(paths)} rows, 2 without a result (2: the file does not exist)" in said
    assert "--retry-errors" in said


def write_tar(path: Path, pictures: dict[str, bytes]) -> None:
    with tarfile.open(path, "w") as file:
        for name, data in pictures.items():
            for suffix, content in (("jpg", data), ("json", b'{"height": 1}')):
                member = tarfile.TarInfo(f"{name}.{suffix}")
                member.size = len(content)
                file.addfile(member, io.BytesIO(content))


def test_a_webdataset(pictures, wanted, tmp_path):
    write_tar(tmp_path / "list.tar", pictures)
    agree(through(str(tmp_path / "list.tar"), str(tmp_path), tmp_path), wanted)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("pattern", ["", "/*.tar"])
def test_a_folder_of_more_archives_than_cores(pictures, tmp_path, pattern):
    """With Daft's own reader it never ends."""
    names = list(pictures)
    (tmp_path / "shards").mkdir()
    for number in range(len(names)):
        write_tar(
            tmp_path / "shards" / f"{number:05}.tar", {names[number]: pictures[names[number]]}
        )
    pl_embed(f"{tmp_path}/shards{pattern}", tmp_path / "out")
    found = pq.read_table(tmp_path / "out")
    assert sorted(found["id"].to_pylist()) == sorted(names)
    assert found["error"].null_count == len(names)


def test_archives_with_images_of_several_formats_and_what_is_no_archive(pictures, tmp_path):
    first, second, *_ = pictures
    picture = pl.images.read_image(io.BytesIO(pictures[second]))
    picture.save(tmp_path / "b.png")
    with tarfile.open(tmp_path / "list.tar", "w") as file:
        for name, data in (
            (f"photos/{first}.jpg", pictures[first]), (f"photos/{first}.txt", b"caption"),
            (f"photos/{second}.png", (tmp_path / "b.png").read_bytes()),
            ("text_only.txt", b"caption"), ("torn.jpg", b"no picture"),
        ):  # fmt: skip
            member = tarfile.TarInfo(name)
            member.size = len(data)
            file.addfile(member, io.BytesIO(data))
    pl_embed(tmp_path / "list.tar", tmp_path / "out")
    found = pq.read_table(tmp_path / "out").to_pydict()
    errors = dict(zip(found["id"], found["error"], strict=True))
    assert errors.pop("text_only") == "the row holds no image"
    assert errors.pop("torn") is not None
    assert errors == {f"photos/{first}": None, f"photos/{second}": None}
    (tmp_path / "none.tar").write_bytes(b"no archive" * 100)
    with pytest.raises(pl.InputError, match="uncompressed tar"):
        pl_embed(tmp_path / "none.tar", tmp_path / "other")


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """A server of moto, a stand-in for S3; one for all tests, as Daft keeps its connections."""
    moto = pytest.importorskip("moto.server", reason="needs moto[s3,server]")
    server = moto.ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(store, monkeypatch: pytest.MonkeyPatch, tmp_path) -> tuple[str, object]:
    """The URL of an empty bucket, and pyarrow's file system."""
    from pyarrow import fs

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", store)
    system = fs.S3FileSystem(endpoint_override=store, allow_bucket_creation=True)
    name = tmp_path.name.replace("_", "-")
    system.create_dir(name)
    return f"s3://{name}", system


@pytest.mark.parametrize("kind", ["bytes", "urls", "relative", "webdataset"])
def test_an_object_store(pictures, wanted, tmp_path, bucket, kind):
    """The table, the pictures, and all results but the classifier lie in a bucket."""
    url, system = bucket
    root = url.removeprefix("s3://")
    ids = list(pictures)
    if kind == "bytes":
        table = hugging_face(pictures)
    else:
        for name, data in pictures.items():
            with system.open_output_stream(f"{root}/photos/{name}.jpg") as file:
                file.write(data)
        start = f"{url}/" if kind == "urls" else ""
        table = pa.table({"id": ids, "path": [f"{start}photos/{name}.jpg" for name in ids]})
    source = f"{url}/list.parquet"
    if kind == "webdataset":
        source = f"{url}/list.tar"
        write_tar(tmp_path / "list.tar", pictures)
        with system.open_output_stream(f"{root}/list.tar") as file:
            file.write((tmp_path / "list.tar").read_bytes())
    else:
        pq.write_table(table, f"{root}/list.parquet", filesystem=system)
    agree(through(source, url, tmp_path), wanted)


def test_what_is_missing_in_a_bucket_is_a_row_with_the_reason(pictures, tmp_path, bucket):
    url, system = bucket
    table = pa.table({"id": ["a"], "url": [f"{url}/gone.jpg"]})
    pq.write_table(table, f"{url.removeprefix('s3://')}/list.parquet", filesystem=system)
    pl_embed(f"{url}/list.parquet", tmp_path)
    assert "downloaded" in pq.read_table(tmp_path)["error"][0].as_py()
