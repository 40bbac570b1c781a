"""Every kind of source works, or is refused with a sentence that says what to do.

The rows of docs/sources.md, each a test.
"""

from __future__ import annotations

import csv
import io
import json
import os
import tarfile
import zipfile

import numpy as np
import pytest
from fakes import draw
from PIL import Image

from protolabel.common.progress import silent
from protolabel.embedding import embed_images
from protolabel.errors import ImageReadError, InputError
from protolabel.images import ImageSet, find_images, read_image, thumbnail

COLOURS = ("red", "green", "blue")


@pytest.fixture
def files(tmp_path):
    """Three pictures in class folders."""
    paths = []
    for colour in COLOURS:
        (tmp_path / "data" / colour).mkdir(parents=True)
        paths.append(tmp_path / "data" / colour / "x.png")
        draw(colour).save(paths[-1])
    return paths


def png(colour="red"):
    file = io.BytesIO()
    draw(colour).save(file, "PNG")
    return file.getvalue()


def check(images, encoder, colours=COLOURS):
    """The images are there in this order: read, shown, embedded, and told apart when changed."""
    assert len(images) == len(colours)
    for index, colour in enumerate(colours):
        np.testing.assert_array_equal(read_image(images.path(index)), draw(colour))
        assert thumbnail(images.path(index), 12).size == (12, 10)
        assert images.stamp(index) != (-1, -1)
    embedded = embed_images(images, encoder, progress=silent)
    exact = encoder.encode_images([draw(colour) for colour in colours])
    np.testing.assert_allclose(embedded.vectors, exact, atol=1e-6)
    some = images.take([len(colours) - 1])
    np.testing.assert_array_equal(read_image(some.path(0)), draw(colours[-1]))


class TestPaths:
    @pytest.mark.parametrize("kind", [list, tuple, iter, lambda p: (str(x) for x in p)])
    def test_lists_and_generators_of_paths(self, files, encoder, kind):
        check(find_images(kind(files)), encoder)

    def test_a_missing_file_in_a_list_is_listed_at_once(self, files):
        images = find_images([*files, files[0].parent / "gone.png"])
        assert len(images) == 3
        assert [(e.name, e.reason) for e in images.skipped] == [
            ("red/gone.png", "the file does not exist")
        ]

    def test_a_file_in_a_list_that_is_no_image_is_listed(self, files, tmp_path):
        (tmp_path / "data" / "notes.txt").write_text("x")
        images = find_images([*files, tmp_path / "data" / "notes.txt"])
        assert [entry.name for entry in images.skipped] == ["notes.txt"]

    @pytest.mark.parametrize("pattern", ["*/*.png", "**/*.png", "*/x.*"])
    def test_a_pattern(self, files, tmp_path, encoder, pattern):
        images = find_images(str(tmp_path / "data" / pattern))
        check(images, encoder, sorted(COLOURS))
        with pytest.raises(InputError, match="found none"):
            find_images(str(tmp_path / "*.tiff"))

    def test_a_folder_whose_name_looks_like_a_pattern(self, tmp_path):
        (tmp_path / "a[1]").mkdir()
        draw().save(tmp_path / "a[1]" / "x.png")
        assert len(find_images(tmp_path / "a[1]")) == 1

    def test_standard_input(self, files, encoder, monkeypatch):
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{path}\n" for path in files)))
        check(find_images("-"), encoder)

    def test_one_image_file(self, files, encoder):
        check(find_images(files[0]), encoder, COLOURS[:1])

    @pytest.mark.parametrize("name", ["x.npy", "x.pt", "x.safetensors"])
    def test_a_file_of_vectors_is_refused_with_advice(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"0" * 99)
        with pytest.raises(InputError, match="load_embeddings"):
            find_images(tmp_path / name)

    def test_a_set_of_images_is_itself(self, files):
        images = ImageSet.from_paths(files)
        assert find_images(images) is images


class TestTables:
    def rows(self, files):
        return [
            {"path": f"{path.parent.name}/x.png", "label": path.parent.name, "site": n}
            for n, path in enumerate(files)
        ]

    @pytest.mark.parametrize("suffix", ["csv", "tsv", "json", "jsonl", "parquet"])
    def test_tables_of_paths(self, files, tmp_path, encoder, suffix):
        rows, table = self.rows(files), tmp_path / "data" / f"table.{suffix}"
        if suffix in {"csv", "tsv"}:
            with table.open("w", newline="") as file:
                writer = csv.DictWriter(file, rows[0], delimiter=",\t"[suffix == "tsv"])
                writer.writeheader()
                writer.writerows(rows)
        elif suffix == "json":
            table.write_text(json.dumps(rows))
        elif suffix == "jsonl":
            table.write_text("".join(json.dumps(row) + "\n" for row in rows))
        else:
            pa = pytest.importorskip("pyarrow")
            import pyarrow.parquet

            pyarrow.parquet.write_table(pa.Table.from_pylist(rows), table)
        images = find_images(table, truth=True)
        check(images, encoder)
        assert images.truth == COLOURS
        assert list(map(str, images.columns["site"])) == ["0", "1", "2"]
        assert images.take([2]).columns["label"] == ("blue",)

    def test_a_data_frame(self, files, encoder):
        pd = pytest.importorskip("pandas")
        frame = pd.DataFrame({"filename": map(str, files), "label": COLOURS})
        images = find_images(frame)
        check(images, encoder)
        assert images.columns["label"] == COLOURS
        check(find_images(frame["filename"]), encoder)

    def test_a_column_of_urls(self, files, encoder):
        pytest.importorskip("fsspec")
        check(find_images({"url": [path.as_uri() for path in files]}), encoder)

    def test_hugging_faces_parquet_of_images(self, tmp_path, encoder):
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        cells = [{"bytes": png(colour), "path": None} for colour in COLOURS]
        pyarrow.parquet.write_table(pa.table({"image": cells}), tmp_path / "x.parquet")
        check(find_images(tmp_path / "x.parquet"), encoder)

    @pytest.mark.parametrize("layout", ["folder", "data", "file"])
    def test_parquet_files_of_hugging_face_are_read_in_place(self, tmp_path, encoder, layout):
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        names = {"names": list(COLOURS), "_type": "ClassLabel"}
        features = {"image": {"_type": "Image"}, "label": names}
        about = {b"huggingface": json.dumps({"info": {"features": features}}).encode()}
        folder = tmp_path / "set" / "data" if layout == "data" else tmp_path / "set"
        folder.mkdir(parents=True)
        for number, colour in enumerate(COLOURS):
            table = pa.table({
                "image": [{"bytes": png(colour), "path": None}] * 3, "label": [number] * 3,
                "site": ["a", "b", "c"],
            }).replace_schema_metadata(about)  # fmt: skip
            name = f"{('train', 'train', 'test')[number]}-{number:05}-of-00003.parquet"
            pyarrow.parquet.write_table(table, folder / name, row_group_size=2)
        (tmp_path / "set" / "README.md").write_text("---")
        source = folder / "train-00000-of-00003.parquet" if layout == "file" else tmp_path / "set"
        images = find_images(source, truth=True)
        wanted = [colour for colour in ("blue", "red", "green") for _ in range(3)]
        if layout == "file":
            wanted = ["red"] * 3
        check(images, encoder, wanted)
        assert images.truth == tuple(wanted)
        assert images.columns["site"][:3] == ("a", "b", "c")
        if layout != "file":
            assert images.columns["split"] == ("test",) * 3 + ("train",) * 6

    def test_a_path_in_a_parquet_file_of_a_stranger_is_not_followed(self, tmp_path):
        pa = pytest.importorskip("pyarrow")
        import pyarrow.parquet

        draw().save(tmp_path / "secret.png")
        for path in (str(tmp_path / "secret.png"), "../secret.png"):
            (tmp_path / "set").mkdir(exist_ok=True)
            table = pa.table({"image": pa.array(
                [{"bytes": None, "path": path}],
                pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
            )})  # fmt: skip
            pyarrow.parquet.write_table(table, tmp_path / "set" / "x.parquet")
            with pytest.raises(ImageReadError, match="no path beside the table"):
                find_images(tmp_path / "set").open(0)

    def test_a_table_without_a_column_of_paths_names_its_columns(self, tmp_path):
        (tmp_path / "x.csv").write_text("a,b\n1,2\n")
        with pytest.raises(InputError, match=r"called path.*got the columns a, b"):
            find_images(tmp_path / "x.csv")

    @pytest.mark.parametrize(("name", "content"), [
        ("x.json", b"{"), ("x.json", b"[" * 100_000), ("x.parquet", b"PAR1"), ("x.json", b"[1, 2]"),
    ])  # fmt: skip
    def test_a_damaged_table_is_an_input_error(self, tmp_path, name, content):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError):
            find_images(tmp_path / name)


class TestArchives:
    def zipped(self, path, members, **options):
        with zipfile.ZipFile(path, "w", **options) as archive:
            for name, content in members.items():
                archive.writestr(name, content)
        return path

    def tarred(self, path, members, mode="w"):
        with tarfile.open(path, mode) as archive:
            for name, content in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        return path

    @pytest.mark.parametrize("kind", ["zipped", "tarred"])
    def test_an_archive_is_read_in_place(self, tmp_path, encoder, kind):
        members = {f"{colour}/x.png": png(colour) for colour in sorted(COLOURS)}
        members |= {"notes.txt": b"x", "bad.jpg": b"text", "cut.png": png()[:20]}
        path = getattr(self, kind)(tmp_path / f"a.{kind[:3]}", members)
        images = find_images(path, truth=False)
        check(images, encoder, sorted(COLOURS))
        assert images.names == tuple(f"{colour}/x.png" for colour in sorted(COLOURS))
        assert [entry.name for entry in images.skipped] == ["bad.jpg", "cut.png"]
        assert find_images(path, truth=True).truth == tuple(sorted(COLOURS))
        assert os.listdir(tmp_path) == [path.name]  # noqa: PTH208

    @pytest.mark.parametrize("kind", ["zipped", "tarred"])
    def test_names_that_lead_out_are_left_out(self, tmp_path, kind):
        members = {"ok.png": png(), "../up.png": png(), "/etc/x.png": png()}
        images = find_images(getattr(self, kind)(tmp_path / f"a.{kind[:3]}", members))
        assert images.names == ("ok.png",)
        assert {entry.reason for entry in images.skipped} == {"its name leads out of the archive"}

    def test_links_in_a_tar_are_not_followed(self, tmp_path):
        with tarfile.open(tmp_path / "a.tar", "w") as archive:
            entry = tarfile.TarInfo("x.png")
            entry.type, entry.linkname = tarfile.SYMTYPE, "/etc/passwd"
            archive.addfile(entry)
        with pytest.raises(InputError, match="a link or special entry"):
            find_images(tmp_path / "a.tar")

    @pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
    @pytest.mark.parametrize("short", [False, True])
    def test_a_compressed_tar_is_read_and_leaves_nothing_behind(
        self, tmp_path, encoder, kind, short
    ):
        members = {f"{colour}/x.png": png(colour) for colour in sorted(COLOURS)}
        name = {"gz": "a.tgz", "bz2": "a.tbz2", "xz": "a.txz"}[kind] if short else f"a.tar.{kind}"
        path = self.tarred(tmp_path / name, members, f"w:{kind}")
        check(find_images(path), encoder, sorted(COLOURS))
        assert os.listdir(tmp_path) == [name]  # noqa: PTH208

    def test_a_compressed_tar_that_the_disk_cannot_hold_is_refused(self, tmp_path, monkeypatch):
        import shutil

        path = self.tarred(tmp_path / "a.tar.gz", {"x.png": png()}, "w:gz")
        monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 9, 99))
        with pytest.raises(InputError, match="unpack it where there is room"):
            find_images(path)

    @pytest.mark.parametrize("name", ["a.7z", "a.rar", "a.tar.zst"])
    def test_an_archive_that_python_cannot_read_is_refused_with_advice(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(InputError, match="unpack it, or pack it as zip"):
            find_images(tmp_path / name)

    @pytest.mark.parametrize("name", ["a.tar.gz", "a.tar.bz2", "a.tar.xz"])
    def test_a_damaged_compressed_archive_is_refused(self, tmp_path, name):
        path = self.tarred(tmp_path / name, {"x.png": png()}, f"w:{name.rpartition('.')[2]}")
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match="cannot be read as one"):
            find_images(path)

    @pytest.mark.parametrize("name", ["a.zip", "a.tar"])
    def test_a_damaged_archive_is_refused(self, tmp_path, name):
        (tmp_path / name).write_bytes(b"PK nothing" * 99)
        with pytest.raises(InputError, match="cannot be read as one"):
            find_images(tmp_path / name)

    def test_a_damaged_member_is_skipped_when_it_is_embedded(self, tmp_path, encoder):
        path = self.zipped(tmp_path / "a.zip", {"a.png": png(), "b.png": png("blue")})
        data = bytearray(path.read_bytes())
        at = data.index(png("blue")) + len(png("blue")) - 60
        data[at : at + 9] = b"\xff" * 9
        path.write_bytes(data)
        try:
            images = find_images(path)
        except ImageReadError:
            pytest.fail("one damaged member must not cost the archive")
        embedded = embed_images(images, encoder, progress=silent)
        assert embedded.images.names == ("a.png",)

    @pytest.mark.parametrize("given", ["folder", "pattern"])
    def test_web_dataset_shards(self, tmp_path, encoder, given):
        for shard, colour in enumerate(COLOURS):
            members = {"0.png": png(colour), "0.cls": str(shard).encode()}
            members["0.json"] = json.dumps({"site": colour}).encode()
            self.tarred(tmp_path / f"train-{shard:06d}.tar", members)
        images = find_images(tmp_path if given == "folder" else str(tmp_path / "train-*.tar"))
        check(images, encoder)
        assert images.names[0] == "train-000000/0.png"
        assert images.columns == {"cls": ("0", "1", "2"), "site": COLOURS}


class TestMemory:
    def test_pil_images_arrays_and_bytes(self, encoder):
        pictures = [draw(colour) for colour in COLOURS]
        check(find_images(pictures), encoder)
        check(find_images([np.asarray(picture) for picture in pictures]), encoder)
        check(find_images(np.stack([np.asarray(picture) for picture in pictures])), encoder)
        check(find_images([png(colour) for colour in COLOURS]), encoder)

    def test_a_changed_picture_has_another_stamp(self):
        one, two = (find_images([draw("red", seed=seed)]).stamp(0) for seed in (0, 1))
        assert one != two

    def test_cmyk_and_alpha(self):
        images = find_images([draw().convert("CMYK"), Image.new("RGBA", (4, 4), (0, 0, 0, 0))])
        assert read_image(images.path(1)).getpixel((0, 0)) == (255, 255, 255)
        assert read_image(images.path(0)).mode == "RGB"

    @pytest.mark.parametrize(("source", "says"), [
        ([np.zeros((4, 4, 3))], "uint8"),
        (np.zeros((5, 16), np.float32), "load_embeddings"),
        ([np.zeros((3, 9, 9), np.uint8)], "Expected a list of image paths"),
        ([draw(), "a.png"], "one kind"),
        ([], "at least one"),
        (7, "got int"),
        (None, "got NoneType"),
        ({"path": 1}, "column 'path' of the mapping as a list"),
        ({"path": ["a.png"], "label": "red"}, "column 'label' of the mapping as a list"),
    ])  # fmt: skip
    def test_what_is_refused_says_what_to_do(self, source, says):
        with pytest.raises(InputError, match=says):
            find_images(source)


class TestDatasets:
    def test_a_hugging_face_dataset(self, encoder, tmp_path):
        datasets = pytest.importorskip("datasets")
        features = datasets.Features({
            "image": datasets.Image(), "label": datasets.ClassLabel(names=list(COLOURS)),
            "site": datasets.Value("string"),
        })  # fmt: skip
        rows = {"image": [draw(c) for c in COLOURS], "label": [0, 1, 2], "site": ["a", "b", "c"]}
        dataset = datasets.Dataset.from_dict(rows, features=features)
        images = find_images(dataset, truth=True)
        check(images, encoder)
        assert images.truth == COLOURS
        assert images.columns["site"] == ("a", "b", "c")
        dataset.save_to_disk(str(tmp_path / "saved"))
        check(find_images(tmp_path / "saved"), encoder)
        with pytest.raises(InputError, match=r"pass one, for example dataset\['train'\]"):
            find_images(datasets.DatasetDict({"train": dataset}))
        streamed = find_images(dataset.to_iterable_dataset(), truth=True)
        check(streamed, encoder)
        assert streamed.truth == COLOURS
        assert streamed.columns["site"] == ("a", "b", "c")

    def test_a_stream_that_memory_cannot_hold_is_refused_with_advice(self, monkeypatch):
        datasets = pytest.importorskip("datasets")
        monkeypatch.setattr("protolabel.images.sources.datasets._STREAMED", 1000)
        features = datasets.Features({"image": datasets.Image()})
        dataset = datasets.Dataset.from_dict({"image": [draw(c) for c in COLOURS]}, features)
        with pytest.raises(InputError, match=r"take some, for example dataset\.take"):
            find_images(dataset.to_iterable_dataset())

    def test_torchvision_image_folder(self, files, tmp_path, encoder):
        torchvision = pytest.importorskip("torchvision")
        images = find_images(torchvision.datasets.ImageFolder(tmp_path / "data"), truth=True)
        check(images, encoder, sorted(COLOURS))
        assert images.truth == tuple(sorted(COLOURS))

    def test_any_indexed_dataset(self, encoder):
        class Pairs:
            classes, targets = list(COLOURS), [0, 1, 2]

            def __len__(self):
                return 3

            def __getitem__(self, index):
                return draw(COLOURS[index]), index

        images = find_images(Pairs())
        check(images, encoder)
        assert images.columns["label"] == COLOURS


class TestUrls:
    @pytest.fixture
    def bucket(self):
        fsspec = pytest.importorskip("fsspec")
        system = fsspec.filesystem("memory")
        for colour in COLOURS:
            system.pipe(f"/bucket/{colour}/x.png", png(colour))
        system.pipe("/bucket/notes.txt", b"x")
        system.pipe("/bucket/raw.nef", b"x")
        yield "memory://bucket"
        system.rm("/bucket", recursive=True)

    def test_a_folder_in_memory(self, bucket, encoder):
        images = find_images(bucket)
        check(images, encoder, sorted(COLOURS))
        assert images.names[0] == "blue/x.png"
        assert [entry.name for entry in images.skipped] == ["raw.nef"]

    def test_a_pattern_and_a_list_of_urls(self, bucket, encoder):
        check(find_images(f"{bucket}/*/*.png"), encoder, sorted(COLOURS))
        check(find_images([f"{bucket}/{colour}/x.png" for colour in COLOURS]), encoder)

    def test_file_urls(self, files, tmp_path, encoder):
        check(find_images((tmp_path / "data").as_uri()), encoder, sorted(COLOURS))

    def test_an_unknown_protocol_and_an_empty_place(self, bucket):
        with pytest.raises(InputError, match="before '://'"):
            find_images("nothing-such://x/y")
        with pytest.raises(InputError, match=r"Expected (at least one image|images at)"):
            find_images("memory://empty-place")


@pytest.mark.parametrize("method", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_damaged_member_of_a_zip_is_listed_and_the_others_are_read(tmp_path, method):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", method) as archive:
        for name in ("bad.png", "good.png"):
            with archive.open(name, "w") as file:
                draw("red").resize((99, 99)).save(file, "PNG")
    content = bytearray((tmp_path / "a.zip").read_bytes())
    start = content.index(b"bad.png") + len("bad.png")
    content[start + 6 : start + 40] = b"\xff" * 34
    (tmp_path / "a.zip").write_bytes(content)
    found = find_images(tmp_path / "a.zip")
    assert found.names == ("good.png",)
    assert [entry.name for entry in found.skipped] == ["bad.png"]


def test_an_image_of_a_zip_is_exported(tmp_path, encoder):
    import protolabel as pl

    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for colour in COLOURS:
            for number in range(4):
                file = io.BytesIO()
                draw(colour, seed=number).save(file, "PNG")
                archive.writestr(f"{colour}/{number}.png", file.getvalue())
    session = pl.Session(
        tmp_path / "photos.zip", classes=list(COLOURS), encoder=encoder, store=tmp_path / "store"
    )
    session.export(tmp_path / "out")
    with pytest.raises(pl.ExportError, match="copy"):
        session.export(tmp_path / "linked", link="symlink")
    copies = sorted((tmp_path / "out" / "red").rglob("*.png"))
    assert copies
    assert all(read_image(path).size == (24, 20) for path in copies)


def test_the_command_line_reads_paths_from_standard_input(files, tmp_path, monkeypatch, capsys):
    from protolabel.cli import main

    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{path}\n" for path in files)))
    assert main(["embed", "-", "--output", str(tmp_path / "out"), "--encoder", "sample"]) == 0
    assert "3 images" in capsys.readouterr().out
