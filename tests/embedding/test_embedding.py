from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import textwrap
import threading
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from fakes import ColourEncoder, draw, killed_at

from protolabel.common.files import write_bytes, writing
from protolabel.common.progress import silent
from protolabel.embedding import cache, vectorfiles
from protolabel.embedding import embed as embedding
from protolabel.embedding.cache import cache_folder
from protolabel.embedding.embed import Embeddings, embed_images, load_embeddings
from protolabel.embedding.store import FOLDER, VectorStore
from protolabel.encoders import EncoderInfo, load_encoder
from protolabel.errors import EncoderError, ImageReadError, InputError, Stopped, StoreError
from protolabel.images import Skipped, find_images, read_image


class BatchEncoder(ColourEncoder):
    """Its vectors depend, in the last bits, on which images share a batch: as on a real machine."""

    name = "batch-colour"

    def __init__(self, pause=0.0):
        super().__init__()
        self.pause = pause

    def encode_images(self, images):
        time.sleep(self.pause)
        rows = super().encode_images(images)
        rows = rows + np.float32(1e-3) * rows.mean(axis=0) * np.float32(len(rows))
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def run(images, encoder, **options):
    return embed_images(images, encoder, progress=silent, **options)


def log_of(store):
    return [json.loads(line) for line in (Path(store) / FOLDER / "index-0.jsonl").open()]


@pytest.fixture
def images(image_folder):
    return find_images(image_folder)


class TestWithoutStore:
    def test_one_unit_row_for_each_image_in_its_order(self, images, encoder):
        found = run(images, encoder, batch_size=4)
        assert found.vectors.shape == (15, 12)
        assert found.vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(found.vectors, axis=1), 1, atol=1e-6)
        for index in (0, 7, 14):
            exact = encoder.encode_images([embedding.read_image(images.path(index))])[0]
            np.testing.assert_allclose(found.vectors[index], exact, atol=1e-6)
        assert found.images.names == images.names
        assert found.encoder == EncoderInfo("mean-colour", 12, 20.0, "custom")
        assert len(found) == 15

    def test_batches_are_as_large_as_asked(self, images, encoder):
        run(images, encoder, batch_size=4)
        assert encoder.batches == [4, 4, 4, 3]

    @pytest.mark.parametrize("count", [1, 2])
    def test_tiny_folders(self, images, encoder, count):
        assert len(run(images.take(range(count)), encoder)) == count

    def test_a_permuted_list_gives_permuted_rows(self, images, encoder):
        order = np.random.default_rng(0).permutation(15)
        one, two = run(images, encoder), run(images.take(order), encoder)
        np.testing.assert_allclose(two.vectors, one.vectors[order], atol=1e-6)

    def test_half_precision(self, images, encoder):
        half = run(images, encoder, dtype="float16").vectors
        assert half.dtype == np.float16
        np.testing.assert_allclose(half, run(images, encoder).vectors, atol=1e-3)

    def test_a_callable_gets_rgb_images(self, image_folder):
        draw().convert("L").save(image_folder / "red" / "grey.png")
        modes = set()

        def mean(pictures):
            modes.update(picture.mode for picture in pictures)
            return [np.asarray(picture).mean((0, 1)) for picture in pictures]

        found = run(find_images(image_folder), load_encoder(mean))
        assert found.vectors.shape == (16, 3)
        assert modes == {"RGB"}

    def test_truth_stays_with_its_images(self, image_folder, encoder):
        (image_folder / "blue" / "0000.png").write_bytes(_truncated())
        found = run(find_images(image_folder, truth=True), encoder)
        assert len(found.images.truth) == len(found) == 14
        assert found.images.truth.count("blue") == 3

    def test_damaged_images_are_skipped_with_their_reason(self, image_folder, encoder):
        (image_folder / "notes.png").write_text("x")
        (image_folder / "green" / "0002.png").write_bytes(_truncated())
        found = run(find_images(image_folder), encoder, batch_size=4)
        assert len(found) == 14
        assert "green/0002.png" not in found.images.names
        assert [entry.name for entry in found.images.skipped] == ["green/0002.png", "notes.png"]
        assert "cut short" in found.images.skipped[0].reason

    def test_a_file_that_vanishes_after_it_was_found(self, images, encoder):
        images.path(3).unlink()
        found = run(images, encoder)
        assert found.images.skipped == (Skipped(images.names[3], "the file does not exist"),)
        assert len(found) == 14

    def test_no_readable_image_at_all(self, tmp_path, encoder):
        (tmp_path / "x.png").write_bytes(_truncated())
        with pytest.raises(InputError, match=r"none of 1; the first: 'x\.png' \(damaged"):
            run(find_images(tmp_path), encoder, store=tmp_path / "out")

    def test_progress_counts_images_from_none_to_all(self, images, encoder):
        seen = []
        embed_images(images, encoder, batch_size=6, progress=lambda *step: seen.append(step))
        assert seen == [("embedding images", done, 15) for done in (0, 6, 12, 15)]

    def test_decoding_runs_ahead_in_threads_but_not_far(self, make_images):
        images = find_images(make_images({"red": 60}))
        encoder, ahead, threads = ColourEncoder(), [], set()
        prepare, encode, lock = encoder.preprocess, encoder.encode_images, threading.Lock()
        decoded = [0]

        def count(image):
            threads.add(threading.current_thread().name)
            with lock:
                decoded[0] += 1
            return prepare(image)

        def slow(batch):
            end = time.monotonic() + 10
            while not ahead and decoded[0] <= 5 and time.monotonic() < end:
                time.sleep(0.01)  # on a busy machine decoding takes a while to get ahead
            time.sleep(0.02)
            ahead.append(decoded[0] - encoder.seen)
            return encode(batch)

        encoder.preprocess, encoder.encode_images = count, slow
        run(images, encoder, batch_size=5)
        assert max(ahead) <= 3 * 5  # this batch and two more
        assert max(ahead) > 5
        assert all(name.startswith("protolabel-decode") for name in threads)

    @pytest.mark.parametrize(
        ("options", "says"),
        [
            ({"batch_size": 0}, "batch_size"),
            ({"dtype": "float64"}, "float64"),
            ({"workers": 0}, "worker"),
        ],
    )
    def test_parameters_out_of_range(self, images, encoder, options, says):
        with pytest.raises(InputError, match=says):
            run(images, encoder, **options)

    def test_no_images(self, images, encoder):
        with pytest.raises(InputError, match="at least one image"):
            run(images.take([]), encoder)

    @pytest.mark.parametrize("rows", [np.zeros((15, 12)), np.ones((3, 12)), np.ones((15, 5))])
    def test_an_encoder_that_returns_nonsense(self, images, encoder, rows):
        encoder.encode_images = lambda batch: rows
        with pytest.raises(EncoderError, match="mean-colour"):
            run(images, encoder)


class TestStore:
    def test_the_same_vectors_as_without(self, images, tmp_path):
        with_store = run(images, BatchEncoder(), store=tmp_path / "data", batch_size=4)
        without = run(images, BatchEncoder(), batch_size=4)
        np.testing.assert_array_equal(with_store.vectors, without.vectors)

    def test_a_second_run_encodes_nothing(self, images, encoder, tmp_path):
        one = run(images, encoder, store=tmp_path)
        two = run(images, encoder, store=tmp_path)
        assert encoder.seen == 15
        np.testing.assert_array_equal(one.vectors, two.vectors)

    def test_only_new_and_changed_files_are_encoded(self, image_folder, encoder, tmp_path):
        store = tmp_path / "data"
        run(find_images(image_folder), encoder, store=store)
        draw("violet").save(image_folder / "red" / "0001.png")
        draw("yellow").save(image_folder / "a_new_one.png")
        found = run(find_images(image_folder), encoder, store=store)
        assert encoder.seen == 15 + 2
        fresh = run(find_images(image_folder), ColourEncoder())
        assert found.images.names == fresh.images.names
        np.testing.assert_allclose(found.vectors, fresh.vectors, atol=1e-6)

    def test_the_same_size_with_another_time_is_a_change(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path)
        stamp = images.path(0).stat()
        os.utime(images.path(0), ns=(stamp.st_atime_ns, stamp.st_mtime_ns + 1_000_000_000))
        run(images, encoder, store=tmp_path)
        assert encoder.seen == 15 + 1

    def test_removed_files_drop_out(self, image_folder, encoder, tmp_path):
        store = tmp_path / "data"
        one = run(find_images(image_folder), encoder, store=store)
        (image_folder / "blue" / "0000.png").unlink()
        two = run(find_images(image_folder), encoder, store=store)
        assert encoder.seen == 15
        assert two.images.names == one.images.names[1:]
        np.testing.assert_array_equal(two.vectors, one.vectors[1:])

    def test_a_damaged_file_is_not_tried_again_until_it_changes(
        self, image_folder, encoder, tmp_path, monkeypatch
    ):
        bad, reads = image_folder / "blue" / "0000.png", []
        bad.write_bytes(_truncated())
        read = embedding.read_image
        monkeypatch.setattr(
            embedding,
            "read_image",
            lambda path, **options: reads.append(path.name) or read(path, **options),
        )
        store = tmp_path / "data"
        one = run(find_images(image_folder), encoder, store=store)
        assert len(reads) == 15
        two = run(find_images(image_folder), encoder, store=store)
        assert len(reads) == 15
        assert one.images.skipped == two.images.skipped != ()
        draw("blue").save(bad)
        assert len(run(find_images(image_folder), encoder, store=store)) == 15
        assert len(reads) == 16

    def test_another_encoder_is_refused_and_both_are_named(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path)
        with pytest.raises(StoreError, match=r"'batch-colour'.*'mean-colour'"):
            run(images, BatchEncoder(), store=tmp_path)

    def test_another_dtype_is_refused(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path)
        with pytest.raises(StoreError, match=r"float16.*float32"):
            run(images, encoder, store=tmp_path, dtype="float16")

    def test_half_precision_is_kept(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path, dtype="float16")
        size = (tmp_path / FOLDER / "vectors-0.bin").stat().st_size
        assert size == 15 * 12 * 2
        again = run(images, encoder, store=tmp_path, dtype="float16")
        assert again.vectors.dtype == np.float16
        assert encoder.seen == 15

    def test_only_one_run_at_a_time(self, images, encoder, tmp_path):
        with (
            VectorStore(tmp_path, EncoderInfo("mean-colour", 12, 20.0, "custom"), "float32"),
            pytest.raises(StoreError, match="another run"),
        ):
            run(images, encoder, store=tmp_path)
        assert len(run(images, encoder, store=tmp_path)) == 15

    @pytest.mark.parametrize("file", ["vectors-0.bin", "index-0.jsonl"])
    def test_flipped_bits_are_found_and_embedded_again(self, images, encoder, tmp_path, file):
        whole = run(images, encoder, store=tmp_path / "good", batch_size=4)
        flipped = 0
        rng = np.random.default_rng(0)
        for number in range(12):
            store = tmp_path / str(number)
            shutil.copytree(tmp_path / "good", store)
            data = bytearray((store / FOLDER / file).read_bytes())
            data[rng.integers(len(data))] ^= 1 << rng.integers(8)
            (store / FOLDER / file).write_bytes(data)
            seen = encoder.seen
            again = run(images, encoder, store=store, batch_size=4)
            flipped += encoder.seen > seen
            np.testing.assert_array_equal(again.vectors, whole.vectors)
        # In the index a flip may hit what carries nothing, such as the name of a checksum.
        assert flipped == 12 or file.startswith("index")

    def test_a_store_of_the_first_release_has_no_checksums_and_is_read(
        self, images, encoder, tmp_path
    ):
        run(images, encoder, store=tmp_path)
        index = tmp_path / FOLDER / "index-0.jsonl"
        lines = [json.loads(line) for line in index.read_text().splitlines()]
        for line in lines:
            del line["line_crc32"], line["vectors_crc32"]
        index.write_text("".join(json.dumps(line) + "\n" for line in lines))
        seen = encoder.seen
        run(images, encoder, store=tmp_path)
        assert encoder.seen == seen

    @pytest.mark.timeout(200)
    def test_a_second_run_waits_for_the_first_and_uses_its_vectors(self, images, encoder, tmp_path):
        info = EncoderInfo("mean-colour", 12, 20.0, "custom")
        first, waits = VectorStore(tmp_path, info, "float32"), []
        opened, leave = threading.Event(), threading.Event()

        def hold():
            with first:
                opened.set()
                leave.wait(120)

        def progress(phase, done, total):
            if phase == "waiting for another run":
                waits.append(phase)
                leave.set()

        holder = threading.Thread(target=hold)
        holder.start()
        assert opened.wait(120)
        found = embed_images(images, encoder, store=tmp_path, progress=progress)
        holder.join()
        assert waits
        assert len(found) == 15

    def test_an_unwritable_cache_is_done_without_and_said_once(
        self, images, encoder, tmp_path, monkeypatch
    ):
        (tmp_path / "home").write_text("a file where the cache should be")
        monkeypatch.setattr(cache, "user_cache_path", lambda _: tmp_path / "home")
        folder = cache_folder(images.root, encoder.name)
        with pytest.warns(UserWarning, match="not kept for the next one.*pass store=") as said:
            found = run(images, encoder, store=folder)
        assert len(said) == 1
        assert len(found) == 15
        with pytest.raises(StoreError):
            run(images, encoder, store=tmp_path / "home" / "named")

    def test_a_cache_on_a_full_disk_is_done_without(self, images, encoder, tmp_path, monkeypatch):
        monkeypatch.setattr(cache, "user_cache_path", lambda _: tmp_path / "home")
        folder = cache_folder(images.root, encoder.name)
        append, count = VectorStore.append, []

        def full(self, *batch):
            count.append(1)
            if len(count) == 3:
                raise self._unwritable(OSError(28, "No space left on device"))
            append(self, *batch)

        monkeypatch.setattr(VectorStore, "append", full)
        whole = run(images, encoder, batch_size=4)
        with pytest.warns(UserWarning, match="No space left") as said:
            found = run(images, encoder, store=folder, batch_size=4)
        assert len(said) == 1
        np.testing.assert_array_equal(found.vectors, whole.vectors)

    def test_a_folder_of_someone_else_is_not_touched(self, images, encoder, tmp_path):
        (tmp_path / FOLDER).mkdir()
        (tmp_path / FOLDER / "thesis.tex").write_text("x")
        with pytest.raises(StoreError, match=r"thesis\.tex"):
            run(images, encoder, store=tmp_path)
        assert (tmp_path / FOLDER / "thesis.tex").read_text() == "x"

    def test_a_file_in_the_way(self, images, encoder, tmp_path):
        (tmp_path / "data").write_text("x")
        with pytest.raises(StoreError, match="choose another folder"):
            run(images, encoder, store=tmp_path / "data")

    @pytest.mark.parametrize(
        ("content", "says"),
        [("{", "understood"), ("[]", "understood"), ('{"format": 1}', "understood")],
    )
    def test_a_header_that_cannot_be_understood(self, images, encoder, tmp_path, content, says):
        run(images, encoder, store=tmp_path)
        (tmp_path / FOLDER / "store.json").write_text(content)
        with pytest.raises(StoreError, match=says):
            run(images, encoder, store=tmp_path)

    def test_a_later_format(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path)
        header = tmp_path / FOLDER / "store.json"
        header.write_text(header.read_text().replace('"format": 1', '"format": 2'))
        with pytest.raises(StoreError, match="format 2"):
            run(images, encoder, store=tmp_path)

    def test_many_changes_do_not_make_it_grow_for_ever(self, make_images, encoder, tmp_path):
        root, store = make_images({"red": 80}), tmp_path / "data"
        size = 0
        for turn in range(6):
            for path in root.rglob("*.png"):
                os.utime(path, ns=(turn * 10**9, turn * 10**9))
            found = run(find_images(root), encoder, store=store)
            size = max(size, sum(path.stat().st_size for path in (store / FOLDER).glob("*.bin")))
        assert size <= 3 * 80 * 12 * 4
        assert len(list((store / FOLDER).glob("vectors-*"))) == 1
        again = run(find_images(root), encoder, store=store)
        assert encoder.seen == 6 * 80
        np.testing.assert_array_equal(again.vectors, found.vectors)
        np.testing.assert_allclose(
            again.vectors, run(find_images(root), encoder).vectors, atol=1e-6
        )

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes only on Linux")
    def test_names_that_are_no_utf8(self, image_folder, encoder, tmp_path):
        name = os.fsdecode(b"caf\xe9.png")
        draw("violet").save(image_folder / name)
        store = tmp_path / "data"
        found = run(find_images(image_folder), encoder, store=store)
        assert len(run(find_images(image_folder), encoder, store=store)) == 16
        assert encoder.seen == 16
        found.save(store)
        assert load_embeddings(store).images.names == found.images.names

    def test_large_vectors_stay_on_disk(self, images, encoder, tmp_path, monkeypatch):
        monkeypatch.setattr(embedding, "_MAPPED", 100)
        found = run(images, encoder, store=tmp_path)
        assert isinstance(found.vectors, np.memmap)
        found.save(tmp_path)
        np.testing.assert_array_equal(np.load(tmp_path / "embeddings.npy"), found.vectors)


class TestInterruption:
    def test_stopped_by_the_caller(self, images, tmp_path):
        def stop(phase, done, total):
            if done >= 8:
                raise Stopped("enough")

        encoder = BatchEncoder()
        with pytest.raises(Stopped, match="enough"):
            embed_images(images, encoder, store=tmp_path, batch_size=4, progress=stop)
        assert not [t for t in threading.enumerate() if t.name.startswith("protolabel-decode")]
        rest = BatchEncoder()
        found = run(images, rest, store=tmp_path, batch_size=4)
        assert (encoder.seen, rest.seen) == (8, 7)
        np.testing.assert_array_equal(
            found.vectors, run(images, BatchEncoder(), batch_size=4).vectors
        )

    def test_progress_starts_where_the_last_run_stopped(self, images, encoder, tmp_path):
        run(images.take(range(4)), encoder, store=tmp_path)
        seen = []
        embed_images(
            images, encoder, store=tmp_path, progress=lambda _, done, total: seen.append(done)
        )
        assert (seen[0], seen[-1]) == (4, 15)

    def test_an_encoder_that_fails_in_the_middle(self, images, encoder, tmp_path):
        encode = encoder.encode_images

        def fail(batch):
            if encoder.seen >= 8:
                raise RuntimeError("out of memory")
            return encode(batch)

        encoder.encode_images = fail
        with pytest.raises(RuntimeError, match="out of memory"):
            run(images, encoder, store=tmp_path, batch_size=4)
        rest = ColourEncoder()
        run(images, rest, store=tmp_path, batch_size=4)
        assert rest.seen == 7

    @pytest.mark.parametrize(
        "harm", ["torn line", "half a line", "lost rows", "extra rows", "nonsense"]
    )
    def test_a_torn_tail_is_cut_off(self, images, tmp_path, harm):
        whole = run(images, BatchEncoder(), store=tmp_path, batch_size=4)
        vectors, index = tmp_path / FOLDER / "vectors-0.bin", tmp_path / FOLDER / "index-0.jsonl"
        lines = index.read_bytes().splitlines(keepends=True)
        if harm == "torn line":
            index.write_bytes(b"".join(lines[:-1]) + lines[-1][:-20])
        elif harm == "half a line":  # valid JSON, but the end of the line is missing
            index.write_bytes(b"".join(lines[:-1]) + lines[-1][:-1])
        elif harm == "lost rows":
            vectors.write_bytes(vectors.read_bytes()[:-10])
        elif harm == "extra rows":  # rows came to disk, their line did not
            index.write_bytes(b"".join(lines[:-1]))
            vectors.write_bytes(vectors.read_bytes() + b"x" * 77)
        else:
            index.write_bytes(b"".join(lines[:-1]) + b"\x00" * len(lines[-1]) + b"\n")
        encoder = BatchEncoder()
        again = run(images, encoder, store=tmp_path, batch_size=4)
        assert encoder.batches == [3]
        np.testing.assert_array_equal(again.vectors, whole.vectors)
        assert vectors.stat().st_size == 15 * 12 * 4
        assert sum(len(line["images"]) for line in log_of(tmp_path)) == 15

    def test_kill_9_loses_a_batch_at_most_and_not_one_bit(self, make_images, tmp_path):
        root, store = make_images({"red": 250, "green": 150, "blue": 100}), tmp_path / "data"
        (root / "green" / "0100.png").write_bytes(_truncated())
        images = find_images(root)
        whole = run(images, BatchEncoder(), batch_size=16)
        script = textwrap.dedent(
            """
            import sys
            from protolabel.embedding.embed import embed_images
            from protolabel.images import find_images
            from protolabel.common.progress import silent
            from test_embedding import BatchEncoder
            encoder = BatchEncoder(pause=0.05)
            embed_images(find_images(sys.argv[1]), encoder, store=sys.argv[2], batch_size=16,
                         progress=silent)
            """
        )
        process = subprocess.Popen(
            [sys.executable, "-c", script, str(root), str(store)],
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        index = store / FOLDER / "index-0.jsonl"
        deadline = time.monotonic() + 60
        while process.poll() is None and time.monotonic() < deadline:
            if index.exists() and index.read_bytes().count(b"\n") >= 5:
                break
            time.sleep(0.005)
        assert process.poll() is None, "it ended, or hung, before it could be killed"
        process.kill()
        process.wait()

        done = sum(len(line["images"]) for line in log_of(store))
        assert 5 * 16 - 1 <= done < 400
        rest = BatchEncoder()
        found = run(images, rest, store=store, batch_size=16)
        assert rest.seen == 499 - done
        assert found.images.names == whole.images.names
        assert [entry.name for entry in found.images.skipped] == ["green/0100.png"]
        assert found.vectors.tobytes() == whole.vectors.tobytes()


class TestCut:
    def test_untouched_slices_stay_whole(self):
        assert embedding._cut(range(10), 10, 4) == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9]]
        assert embedding._cut(range(4, 10), 10, 4) == [[4, 5, 6, 7], [8, 9]]

    def test_scattered_images_are_packed(self):
        assert embedding._cut([1, 5, 9, 8], 10, 4) == [[9, 8], [1, 5]]
        assert embedding._cut(range(0, 40, 4), 40, 4) == [
            [0, 4, 8, 12], [16, 20, 24, 28], [32, 36],
        ]  # fmt: skip


class TestSaveAndLoad:
    @pytest.fixture
    def saved(self, image_folder, encoder, tmp_path):
        (image_folder / "bad.png").write_bytes(_truncated())
        found = run(find_images(image_folder), encoder)
        found.save(tmp_path / "data")
        return found

    @pytest.mark.parametrize("path", ["data", "data/embeddings.npy"])
    def test_what_was_saved_comes_back(self, saved, tmp_path, path):
        back = load_embeddings(tmp_path / path)
        np.testing.assert_array_equal(back.vectors, saved.vectors)
        assert back.images.names == saved.images.names
        assert back.images.root == saved.images.root
        assert back.images.skipped == saved.images.skipped != ()
        assert back.encoder == saved.encoder
        assert isinstance(back, Embeddings)

    def test_the_files_are_plain(self, saved, tmp_path):
        data = tmp_path / "data"
        assert sorted(path.name for path in data.iterdir()) == [
            "embeddings.json", "embeddings.npy", "image_paths.txt",
        ]  # fmt: skip
        np.testing.assert_array_equal(
            np.load(data / "embeddings.npy", allow_pickle=False), saved.vectors
        )
        lines = (data / "image_paths.txt").read_text().splitlines()
        assert [Path(line) for line in lines] == saved.images.paths
        about = json.loads((data / "embeddings.json").read_text())
        assert about["encoder"]["name"] == "mean-colour"
        assert about["generator"] == "protolabel"

    def test_the_store_may_be_in_the_same_folder(self, images, encoder, tmp_path):
        run(images, encoder, store=tmp_path / "data").save(tmp_path / "data")
        found = run(images, encoder, store=tmp_path / "data")
        assert encoder.seen == 15
        np.testing.assert_array_equal(load_embeddings(tmp_path / "data").vectors, found.vectors)

    def test_an_output_inside_the_photos_is_no_image(self, image_folder, encoder):
        out = image_folder / "data"
        run(find_images(image_folder), encoder, store=out).save(out)
        assert len(find_images(image_folder)) == 15

    def test_saving_again_replaces(self, saved, tmp_path):
        small = Embeddings(saved.vectors[:3], saved.images.take(range(3)), saved.encoder)
        small.save(tmp_path / "data")
        assert len(load_embeddings(tmp_path / "data")) == 3

    def test_half_precision_comes_back(self, images, encoder, tmp_path):
        found = run(images, encoder, dtype="float16")
        found.save(tmp_path)
        back = load_embeddings(tmp_path).vectors
        assert back.dtype == np.float16
        np.testing.assert_array_equal(back, found.vectors)

    def test_several_blocks(self, saved, tmp_path, monkeypatch):
        monkeypatch.setattr(vectorfiles, "_BLOCK", 4)
        saved.save(tmp_path / "blocks")
        np.testing.assert_array_equal(load_embeddings(tmp_path / "blocks").vectors, saved.vectors)

    def test_large_vectors_stay_on_disk(self, saved, tmp_path, monkeypatch):
        monkeypatch.setattr(embedding, "_MAPPED", 100)
        back = load_embeddings(tmp_path / "data")
        assert isinstance(back.vectors, np.memmap)
        np.testing.assert_array_equal(back.vectors, saved.vectors)

    def test_a_file_in_the_way(self, saved, tmp_path):
        (tmp_path / "file").write_text("x")
        with pytest.raises(StoreError, match="another folder"):
            saved.save(tmp_path / "file")

    def test_a_moved_dataset_with_an_edited_list(self, saved, image_folder, tmp_path):
        image_folder.rename(tmp_path / "moved")
        listing = tmp_path / "data" / "image_paths.txt"
        listing.write_text(listing.read_text().replace("photos", "moved"))
        back = load_embeddings(tmp_path / "data")
        assert back.images.path(0).is_file()
        assert back.encoder == saved.encoder

    @pytest.mark.parametrize("name", ["embeddings.npy", "image_paths.txt"])
    def test_files_that_were_not_written_together(self, saved, tmp_path, name):
        other = saved.images.take(range(len(saved))[::-1])
        Embeddings(saved.vectors[::-1], other, saved.encoder).save(tmp_path / "other")
        (tmp_path / "other" / name).replace(tmp_path / "data" / name)
        with pytest.raises(StoreError, match="written together"):
            load_embeddings(tmp_path / "data")

    def test_a_crash_between_the_files_leaves_the_earlier_vectors(
        self, saved, tmp_path, monkeypatch
    ):
        def crash(*_):
            raise KeyboardInterrupt

        monkeypatch.setattr(vectorfiles, "write_bytes", crash)
        part = Embeddings(-saved.vectors, saved.images, saved.encoder)
        with pytest.raises(KeyboardInterrupt):
            part.save(tmp_path / "data")
        back = load_embeddings(tmp_path / "data")
        np.testing.assert_array_equal(back.vectors, saved.vectors)
        assert len(list((tmp_path / "data").iterdir())) == 3

    @pytest.mark.skipif(not hasattr(os, "fork"), reason="needs a process that can be killed")
    def test_a_kill_leaves_the_earlier_vectors_or_the_new_ones(self, saved, tmp_path):
        folder, point, seen = tmp_path / "data", 0, set()
        other = Embeddings(
            -saved.vectors[::-1], saved.images.take(range(14, -1, -1)), saved.encoder
        )
        while True:
            saved.save(folder)
            if not killed_at(point, lambda: other.save(folder)):
                break
            back = load_embeddings(folder)
            found = "old" if back.images.names == saved.images.names else "new"
            one = saved if found == "old" else other
            np.testing.assert_array_equal(back.vectors, one.vectors)
            assert back.images.names == one.images.names
            seen.add(found)
            point += 1
        assert seen == {"old", "new"}


class TestForeignFiles:
    @pytest.fixture
    def write(self, tmp_path):
        def write(rows, lines):
            np.save(tmp_path / "v.npy", rows)
            (tmp_path / "p.txt").write_bytes("\n".join(lines).encode())
            return tmp_path / "v.npy", tmp_path / "p.txt"

        return write

    def test_rows_are_brought_to_length_one_in_the_order_given(self, write, tmp_path):
        found = load_embeddings(
            *write(np.array([[3.0, 4.0], [0.0, 2.0]]), ["/x/b.jpg", "/x/a.jpg"])
        )
        np.testing.assert_allclose(found.vectors, [[0.6, 0.8], [0.0, 1.0]], atol=1e-7)
        assert found.vectors.dtype == np.float32
        assert found.images.names == ("b.jpg", "a.jpg")
        assert found.encoder == EncoderInfo.unknown(2)
        with pytest.raises(EncoderError, match="pass the encoder"):
            load_encoder(found.encoder)

    @pytest.mark.parametrize("scale", [1.0, 2.0])
    def test_a_large_file_block_by_block(self, write, monkeypatch, scale):
        monkeypatch.setattr(vectorfiles, "_BLOCK", 2)
        monkeypatch.setattr(embedding, "_MAPPED", 10)
        rows = np.eye(5, dtype=np.float32)
        rows[3] *= scale
        files = write(rows, [f"/x/{i}.jpg" for i in range(5)])
        # Fresh memory often still holds the very rows that a forgotten block should bring.
        monkeypatch.setattr(np, "empty", lambda shape, dtype: np.full(shape, np.nan, dtype))
        found = load_embeddings(*files)
        np.testing.assert_array_equal(found.vectors, np.eye(5))
        assert isinstance(found.vectors, np.memmap) == (scale == 1.0)

    def test_relative_paths_beside_the_list_come_first(self, write, tmp_path, monkeypatch):
        (tmp_path / "cwd" / "pics").mkdir(parents=True)
        (tmp_path / "pics").mkdir()
        draw().save(tmp_path / "pics" / "a.png")
        for name in ("a.png", "b.png"):
            draw().save(tmp_path / "cwd" / "pics" / name)
        monkeypatch.chdir(tmp_path / "cwd")
        found = load_embeddings(*write(np.eye(3), ["pics/a.png", "pics/b.png", "pics/gone.png"]))
        assert found.images.paths == [
            tmp_path / "pics" / "a.png",
            tmp_path / "cwd" / "pics" / "b.png",
            tmp_path / "pics" / "gone.png",
        ]

    def test_lists_from_other_systems(self, write):
        vectors, listing = write(np.eye(2), [])
        listing.write_bytes(b"\xef\xbb\xbf/x/a b.jpg\r\n/x/ \xc3\xa9.jpg\r\n\r\n\n")
        assert load_embeddings(vectors, listing).images.names == ("a b.jpg", " é.jpg")

    @pytest.mark.parametrize(
        ("rows", "says"),
        [
            (np.eye(3), "3 rows.*2 paths"),
            (np.ones(2), r"shape \(2,\)"),
            (np.ones((2, 0)), "shape"),
            (np.ones((2, 3), int), "int64"),
            (np.array([[1.0, 0.0], [0.0, 0.0]]), "row 1"),
            (np.array([[np.nan, 0.0], [1.0, 0.0]]), "row 0"),
        ],
    )
    def test_vectors_that_do_not_fit(self, write, rows, says):
        with pytest.raises(StoreError, match=says):
            load_embeddings(*write(rows, ["/x/a.jpg", "/x/b.jpg"]))

    def test_a_path_twice(self, write):
        with pytest.raises(StoreError, match=r"twice.*p\.txt"):
            load_embeddings(*write(np.eye(2), ["/x/a.jpg", "/x/a.jpg"]))

    def test_files_that_are_missing_or_something_else(self, write, tmp_path):
        vectors, listing = write(np.eye(1), ["/x/a.jpg"])
        with pytest.raises(StoreError, match="found nothing"):
            load_embeddings(tmp_path / "gone.npy")
        with pytest.raises(StoreError, match="found nothing"):
            load_embeddings(tmp_path)
        with pytest.raises(StoreError, match="image_paths="):
            load_embeddings(vectors)
        with pytest.raises(StoreError, match="cannot be read"):
            load_embeddings(listing)
        np.save(tmp_path / "v.npy", np.array([{}, {}]), allow_pickle=True)
        with pytest.raises(StoreError, match="cannot be read"):
            load_embeddings(vectors, listing)
        np.savez(tmp_path / "v.npz", a=np.eye(1), b=np.eye(2))
        with pytest.raises(StoreError, match="shape"):
            load_embeddings(tmp_path / "v.npz", listing)

    def test_a_description_of_other_vectors(self, write, encoder, images, tmp_path):
        vectors, listing = write(np.eye(15, 12) + 1, [str(path) for path in images.paths])
        run(images.take(range(4)), encoder).save(tmp_path)
        with pytest.raises(StoreError, match=r"\(4, 12\).*\(15, 12\)"):
            load_embeddings(vectors, listing)
        (tmp_path / "embeddings.json").write_text("{}")
        with pytest.raises(StoreError, match="remove it"):
            load_embeddings(vectors, listing)


class TestVectorsBroughtAlong:
    ROWS = np.array([[3.0, 4.0], [0.0, 2.0]], np.float32)
    UNIT = np.array([[0.6, 0.8], [0.0, 1.0]], np.float32)

    def save(self, folder, suffix):
        path, rows = folder / f"v.{suffix}", torch.from_numpy(self.ROWS)
        if suffix == "npz":
            np.savez(path, embeddings=self.ROWS, ids=np.arange(2))
        elif suffix == "safetensors":
            safetensors.torch.save_file({"features": rows, "scale": torch.ones(1)}, path)
        elif suffix == "pt":
            torch.save({"vectors": rows, "epoch": 3}, path)
        elif suffix == "pth":
            torch.save(rows, path)
        elif suffix == "parquet":
            pa = pytest.importorskip("pyarrow")
            import pyarrow.parquet

            table = pa.table({"name": ["a", "b"], "embedding": self.ROWS.tolist()})
            pyarrow.parquet.write_table(table, path)
        else:
            np.save(path, self.ROWS)
        return path

    @pytest.mark.parametrize("suffix", ["npy", "npz", "safetensors", "pt", "pth", "parquet"])
    def test_every_kind_of_file(self, tmp_path, suffix):
        path = self.save(tmp_path, suffix)
        (tmp_path / "p.txt").write_text("/x/a.jpg\n/x/b.jpg\n")
        for paths in (tmp_path / "p.txt", ["/x/a.jpg", "/x/b.jpg"]):
            found = load_embeddings(path, paths)
            np.testing.assert_allclose(found.vectors, self.UNIT, atol=1e-6)
            assert found.images.names == ("a.jpg", "b.jpg")

    def test_image_features_beside_those_of_texts(self, tmp_path):
        np.savez(tmp_path / "clip.npz", text_features=np.eye(3, 2), image_features=self.ROWS)
        found = load_embeddings(tmp_path / "clip.npz", ["/x/a.jpg", "/x/b.jpg"])
        np.testing.assert_allclose(found.vectors, self.UNIT, atol=1e-6)
        with pytest.raises(StoreError, match="or the vectors as an array if they have no images"):
            load_embeddings(tmp_path / "clip.npz")

    @pytest.mark.parametrize("given", [ROWS, torch.from_numpy(ROWS), ROWS.tolist()])
    def test_arrays_and_tensors_with_and_without_files(self, given):
        found = load_embeddings(given, ["/x/a.jpg", "/x/b.jpg"])
        np.testing.assert_allclose(found.vectors, self.UNIT, atol=1e-6)
        alone = load_embeddings(given)
        assert alone.images.names == ("vector_000000", "vector_000001")
        with pytest.raises(ImageReadError, match="does not exist"):
            read_image(alone.images.path(0))

    @pytest.mark.parametrize("suffix", ["pt", "npy", "npz"])
    def test_a_file_that_would_run_code_is_refused_without_advice_to_run_it(self, tmp_path, suffix):
        path = tmp_path / f"v.{suffix}"
        if suffix == "pt":
            torch.save(Path("x"), path)
        elif suffix == "npz":
            np.savez(path, embeddings=np.array([[Path("x")]], object))
        else:
            np.save(path, np.array([[Path("x")]], object), allow_pickle=True)
        with pytest.raises(StoreError, match="Python objects") as caught:
            load_embeddings(path, ["/x/a.jpg"])
        assert "pickle" not in str(caught.value)

    @pytest.mark.parametrize("suffix", ["npz", "safetensors", "pt", "parquet"])
    def test_a_damaged_file(self, tmp_path, suffix):
        path = self.save(tmp_path, suffix)
        path.write_bytes(path.read_bytes()[:60])
        with pytest.raises(StoreError, match="cannot be read"):
            load_embeddings(path, ["/x/a.jpg", "/x/b.jpg"])

    @pytest.mark.parametrize("given", ["x" * 300, "a\0b", 4.5, None, np.arange(3), "~nobody/x"])
    def test_what_is_no_file_of_vectors(self, given):
        with pytest.raises(StoreError):
            load_embeddings(given)

    def test_vectors_of_an_archive_find_their_images_again(self, tmp_path, encoder):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            for colour in ("blue", "red"):
                draw(colour).save(tmp_path / "x.png")
                archive.write(tmp_path / "x.png", f"{colour}.png")
        run(find_images(tmp_path / "a.zip"), encoder).save(tmp_path / "data")
        again = load_embeddings(tmp_path / "data")
        np.testing.assert_array_equal(read_image(again.images.path(1)), draw("red"))


class TestFiles:
    def test_a_failure_leaves_the_old_file(self, tmp_path):
        write_bytes(tmp_path / "x", b"old")

        def fail():
            with writing(tmp_path / "x") as file:
                file.write(b"half of the n")
                raise RuntimeError

        with pytest.raises(RuntimeError):
            fail()
        assert (tmp_path / "x").read_bytes() == b"old"
        assert [path.name for path in tmp_path.iterdir()] == ["x"]

    def test_nothing_is_there_before_the_end(self, tmp_path):
        with writing(tmp_path / "x") as file:
            file.write(b"new")
            assert not (tmp_path / "x").exists()
        assert (tmp_path / "x").read_bytes() == b"new"


def test_no_images_in_memory_by_mistake():
    """`ImageSet` in, `Embeddings` out: importing the module loads no torch."""
    code = (
        "import sys, protolabel.embedding.embed;"
        "assert not {'torch', 'open_clip'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def _truncated() -> bytes:
    """The first half of a PNG: its header is whole, its pixels are not."""
    import io

    buffer = io.BytesIO()
    draw(size=(60, 60)).save(buffer, "PNG")
    return buffer.getvalue()[: len(buffer.getvalue()) // 2]


def test_a_flipped_bit_in_the_folder_of_one_image_is_found(image_folder, encoder, tmp_path):
    embedded = embed_images(find_images(image_folder), encoder, progress=silent)
    embedded.save(tmp_path / "vectors")
    listing = tmp_path / "vectors" / "image_paths.txt"
    lines = listing.read_text().splitlines()
    listing.write_text("\n".join([lines[0].replace("photos", "phptos", 1), *lines[1:]]))
    with pytest.raises(StoreError, match="written together"):
        load_embeddings(tmp_path / "vectors")


def test_images_may_move_together_and_keep_their_names(image_folder, encoder, tmp_path):
    embedded = embed_images(find_images(image_folder), encoder, progress=silent)
    embedded.save(tmp_path / "vectors")
    listing = tmp_path / "vectors" / "image_paths.txt"
    listing.write_text(listing.read_text().replace(str(image_folder), "/mnt/else/where"))
    moved = load_embeddings(tmp_path / "vectors")
    assert moved.images.names == embedded.images.names
    assert moved.images.root == Path("/mnt/else/where")


@pytest.mark.parametrize("key", ["root", "skipped"])
def test_an_entry_of_embeddings_json_that_changed_is_found(image_folder, encoder, tmp_path, key):
    embed_images(find_images(image_folder), encoder, progress=silent).save(tmp_path / "vectors")
    about = tmp_path / "vectors" / "embeddings.json"
    text = about.read_text()
    start = text.index(f'"{key}": ') + len(key) + 5
    about.write_text(f"{text[:start]}x{text[start + 1 :]}" if key == "root" else
                     text.replace('"skipped": []', '"skipped": [["a", "b"]]'))  # fmt: skip
    changed = about.read_text() != text
    if key == "skipped":  # written anew by another program, in its own layout: taken as it is
        assert load_embeddings(tmp_path / "vectors").images.skipped[0].name == "a"
    else:
        assert changed
        with pytest.raises(StoreError, match="cannot be understood"):
            load_embeddings(tmp_path / "vectors")


def test_an_encoder_that_collates_gets_its_own_batches(image_folder):
    class Collating(ColourEncoder):
        def collate(self, images):
            return tuple(images)

        def encode_images(self, images):
            assert isinstance(images, tuple)
            return super().encode_images(images)

    images = find_images(image_folder)
    images.path(1).write_bytes(b"damaged after it was found")
    plain = embed_images(images, ColourEncoder(), batch_size=2, progress=silent)
    found = embed_images(images, Collating(), batch_size=2, progress=silent)
    np.testing.assert_array_equal(found.vectors, plain.vectors)
    assert found.images.skipped == plain.images.skipped
    assert len(found.images.skipped) == 1
