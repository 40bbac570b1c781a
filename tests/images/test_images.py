from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import numpy as np
import pytest
from fakes import draw
from PIL import Image, ImageFile, TiffImagePlugin, features

from protolabel.errors import ImageReadError, InputError
from protolabel.images import ImageSet, find_images, pixels, read_image, thumbnail

if TYPE_CHECKING:
    from pathlib import Path


def skipped(images):
    return {entry.name: entry.reason for entry in images.skipped}


class TestFindImages:
    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "BMP", "TIFF"])
    def test_every_format_is_known_by_its_content(self, tmp_path, kind):
        draw().save(tmp_path / "no_extension", kind)
        draw().save(tmp_path / "wrong.txt", kind)
        assert find_images(tmp_path).names == ("no_extension", "wrong.txt")

    def test_names_are_posix_recursive_and_sorted(self, tmp_path):
        for name in ("b/2.png", "b/10.png", "a.png", "b/c/x.jpg", "B.png"):
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            draw().save(tmp_path / name)
        assert find_images(tmp_path).names == ("B.png", "a.png", "b/10.png", "b/2.png", "b/c/x.jpg")

    def test_upper_case_extensions(self, tmp_path):
        draw().save(tmp_path / "A.JPG")
        (tmp_path / "B.PNG").write_bytes(b"")
        images = find_images(tmp_path)
        assert images.names == ("A.JPG",)
        assert list(skipped(images)) == ["B.PNG"]

    def test_other_files_are_ignored_without_a_word(self, image_folder):
        (image_folder / "notes.txt").write_text("BMW and other cars")
        (image_folder / "empty.txt").write_bytes(b"")
        (image_folder / "labels.json").write_text("{}")
        images = find_images(image_folder)
        assert len(images) == 15
        assert images.skipped == ()

    def test_files_that_only_have_the_name_of_an_image_are_skipped(self, image_folder):
        (image_folder / "text.jpg").write_text("not an image")
        (image_folder / "empty.png").write_bytes(b"")
        (image_folder / "header.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"\x00" * 40)
        (image_folder / "short.jpeg").write_bytes(b"\xff\xd8\xff\xe0")
        (image_folder / "text.bmp").write_text("BM is how a bitmap starts")
        (image_folder / "phone.heic").write_bytes(b"\x00\x00\x00\x18ftypheic")
        reasons = skipped(find_images(image_folder))
        assert sorted(reasons) == [
            "empty.png", "header.png", "phone.heic", "short.jpeg", "text.bmp", "text.jpg",
        ]  # fmt: skip
        assert "empty" in reasons["empty.png"]
        assert "header" in reasons["header.png"]
        assert "convert" in reasons["phone.heic"]
        assert "content" in reasons["text.jpg"]

    def test_hidden_files_and_folders_are_passed_over(self, image_folder):
        draw().save(image_folder / ".hidden.png")
        (image_folder / ".cache").mkdir()
        draw().save(image_folder / ".cache" / "x.png")
        assert len(find_images(image_folder)) == 15

    def test_links_to_files_are_followed_and_links_to_folders_are_not(self, image_folder, tmp_path):
        draw().save(tmp_path / "outside.png")
        (image_folder / "link.png").symlink_to(tmp_path / "outside.png")
        (image_folder / "loop").symlink_to(image_folder, target_is_directory=True)
        (image_folder / "broken.png").symlink_to(tmp_path / "gone.png")
        images = find_images(image_folder)
        assert len(images) == 16
        assert "link.png" in images.names
        reasons = skipped(images)
        assert reasons.pop("broken.png") == "the file does not exist"
        assert "pass that folder by itself" in reasons.pop("loop")
        assert reasons == {}

    def test_a_dataset_that_protolabel_exported_is_not_read_again(self, image_folder):
        export = image_folder / "annotated_dataset"
        (export / "red").mkdir(parents=True)
        draw().save(export / "red" / "copy.png")
        (export / "metadata.json").write_text('{\n  "generator": "protolabel",\n  "images": []}')
        assert len(find_images(image_folder)) == 15
        assert find_images(export).names == ("red/copy.png",)  # asked for by name

    def test_another_metadata_file_hides_nothing(self, image_folder):
        (image_folder / "red" / "metadata.json").write_text('{"generator": "camera"}')
        assert len(find_images(image_folder)) == 15

    @pytest.mark.parametrize("name", ["two\nlines.png", "re\rturn.png"])
    def test_a_line_break_in_a_name_cannot_stand_in_a_list(self, image_folder, name):
        draw().save(image_folder / name)
        images = find_images(image_folder)
        assert name not in images.names
        assert "line break" in skipped(images)[name]

    @pytest.mark.skipif(sys.platform != "linux", reason="names are bytes only on Linux")
    def test_names_that_are_no_utf8_work(self, image_folder):
        name = os.fsdecode(b"caf\xe9.png")
        draw().save(image_folder / name)
        images = find_images(image_folder)
        assert name in images.names
        assert read_image(images.path(images.names.index(name))).size == (24, 20)

    @pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root opens all")
    def test_a_closed_folder_is_named(self, image_folder):
        (image_folder / "red").chmod(0)
        try:
            assert "cannot be opened" in skipped(find_images(image_folder))["red"]
        finally:
            (image_folder / "red").chmod(0o755)

    def test_two_looks_give_the_same(self, image_folder):
        one, two = find_images(image_folder), find_images(str(image_folder))
        assert (one.names, one.root) == (two.names, two.root)

    def test_a_relative_folder_becomes_absolute(self, image_folder, monkeypatch):
        monkeypatch.chdir(image_folder.parent)
        assert find_images("photos").root == image_folder

    def test_a_folder_that_is_missing(self, tmp_path):
        with pytest.raises(InputError, match=r"gone.*does not exist"):
            find_images(tmp_path / "gone")

    def test_a_file_instead_of_a_folder(self, image_folder):
        note = image_folder / "note.txt"
        note.write_text("x")
        with pytest.raises(InputError, match="pass the folder it is in"):
            find_images(note)

    def test_a_folder_without_images_says_what_it_found(self, tmp_path):
        (tmp_path / "a.txt").write_text("x")
        (tmp_path / "b.jpg").write_text("x")
        with pytest.raises(InputError, match=r"none among 2 files; 1 could not be used.*b\.jpg"):
            find_images(tmp_path)

    def test_no_torch_for_finding_images(self):
        code = (
            "import sys, protolabel.images;"
            "assert not {'torch', 'open_clip', 'umap'} & set(sys.modules)"
        )
        subprocess.run([sys.executable, "-c", code], check=True)


class TestTruth:
    def test_the_first_level_of_folders_is_the_truth(self, image_folder):
        (image_folder / "red" / "deep").mkdir()
        draw().save(image_folder / "red" / "deep" / "x.png")
        images = find_images(image_folder, truth=True)
        assert dict(zip(images.names, images.truth, strict=True))["red/deep/x.png"] == "red"
        assert images.truth.count("green") == 5

    def test_without_asking_there_is_none(self, image_folder):
        assert find_images(image_folder).truth is None

    def test_an_image_without_a_class_folder(self, image_folder):
        draw().save(image_folder / "loose.png")
        with pytest.raises(InputError, match=r"1 directly in.*loose\.png"):
            find_images(image_folder, truth=True)


class TestImageSet:
    def test_paths_point_at_the_files(self, image_folder):
        images = find_images(image_folder)
        assert images.path(0) == image_folder / "blue" / "0000.png"
        assert images.paths[0] == images.path(0)
        assert all(path.is_file() for path in images.paths)

    def test_take_keeps_order_truth_and_skipped(self, image_folder):
        (image_folder / "bad.jpg").write_text("x")
        (image_folder / "red" / "0000.png").rename(image_folder / "red" / "z.png")
        (image_folder / "bad.jpg").rename(image_folder / "red" / "bad.jpg")
        images = find_images(image_folder, truth=True)
        some = images.take(np.array([14, 0]))
        assert some.names == ("red/z.png", "blue/0000.png")
        assert some.truth == ("red", "blue")
        assert some.skipped == images.skipped != ()

    def test_from_paths_keeps_the_order_and_finds_the_root(self, image_folder):
        images = find_images(image_folder)
        back = ImageSet.from_paths(list(reversed(images.paths)))
        assert back.names == tuple(reversed(images.names))
        assert back.root == images.root

    def test_from_one_path(self, image_folder):
        images = ImageSet.from_paths([image_folder / "red" / "0000.png"])
        assert (images.root, images.names) == (image_folder / "red", ("0000.png",))

    def test_from_paths_under_a_given_root(self, image_folder):
        images = ImageSet.from_paths([image_folder / "red" / "0000.png"], root=image_folder)
        assert (images.root, images.names) == (image_folder, ("red/0000.png",))
        with pytest.raises(InputError, match="Expected image paths under"):
            ImageSet.from_paths([image_folder / "red" / "0000.png"], root=image_folder / "blue")

    def test_from_relative_paths(self, image_folder, monkeypatch):
        monkeypatch.chdir(image_folder)
        assert ImageSet.from_paths(["red/0000.png"]).path(0) == image_folder / "red" / "0000.png"

    def test_lists_that_cannot_be_used(self, image_folder):
        path = image_folder / "red" / "0000.png"
        with pytest.raises(InputError, match="at least one"):
            ImageSet.from_paths([])
        with pytest.raises(InputError, match="twice"):
            ImageSet.from_paths([path, path.parent / ".." / "red" / "0000.png"])

    def test_truth_of_another_length(self, tmp_path):
        with pytest.raises(InputError, match="one true class"):
            ImageSet(tmp_path, ("a.png",), truth=("x", "y"))

    def test_a_single_image_is_not_called_images(self, tmp_path):
        assert repr(ImageSet(tmp_path, ("a.jpg",))).startswith("ImageSet(1 image in ")

    def test_a_large_set_has_a_short_repr(self, tmp_path):
        images = ImageSet(tmp_path, tuple(f"{i}.png" for i in range(1000)))
        assert "1000 images" in repr(images)
        assert len(repr(images)) < 300


class TestReadImage:
    def read(self, tmp_path, image, name="x.png", **options):
        image.save(tmp_path / name, **options)
        return read_image(tmp_path / name)

    def pixel(self, image, at=(0, 0)):
        assert image.mode == "RGB"
        return image.getpixel(at)

    def test_rgb_is_left_alone(self, tmp_path):
        image = draw("violet")
        np.testing.assert_array_equal(self.read(tmp_path, image), image)

    def test_orientation_is_applied(self, tmp_path):
        image = Image.new("RGB", (40, 20), "white")
        image.paste("red", (0, 0, 20, 20))
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned a quarter clockwise
        upright = self.read(tmp_path, image, "x.jpg", exif=exif, quality=95)
        assert upright.size == (20, 40)
        assert self.pixel(upright, (10, 5))[1] < 60  # red is above
        assert self.pixel(upright, (10, 35))[1] > 200
        small = thumbnail(tmp_path / "x.jpg", 20)
        assert small.size == (10, 20)

    def test_broken_metadata_does_not_cost_the_picture(self, tmp_path):
        image = self.read(tmp_path, draw(), "x.jpg", exif=b"Exif\x00\x00garbage" * 4)
        assert image.size == (24, 20)

    @pytest.mark.parametrize(("mode", "value", "rgb"), [
        ("1", 1, (255, 255, 255)),
        ("L", 90, (90, 90, 90)),
        ("LA", (90, 255), (90, 90, 90)),
        ("LA", (90, 0), (255, 255, 255)),
        ("RGBA", (255, 0, 0, 255), (255, 0, 0)),
        ("RGBA", (255, 0, 0, 0), (255, 255, 255)),
        ("RGBA", (0, 0, 0, 127), (128, 128, 128)),
    ])  # fmt: skip
    def test_modes_of_png(self, tmp_path, mode, value, rgb):
        assert self.pixel(self.read(tmp_path, Image.new(mode, (4, 4), value))) == rgb

    def test_cmyk(self, tmp_path):
        image = self.read(tmp_path, Image.new("CMYK", (16, 16), (0, 255, 255, 0)), "x.jpg")
        red, green, blue = self.pixel(image, (8, 8))
        assert red > 240
        assert max(green, blue) < 40

    def test_a_palette_with_a_transparent_colour(self, tmp_path):
        image = Image.new("P", (4, 4), 0)
        image.putpalette([255, 0, 0, 0, 0, 255])
        image.putpixel((1, 1), 1)
        read = self.read(tmp_path, image, transparency=0)
        assert self.pixel(read) == (255, 255, 255)
        assert self.pixel(read, (1, 1)) == (0, 0, 255)

    def test_a_palette_without_transparency(self, tmp_path):
        image = Image.new("P", (4, 4), 1)
        image.putpalette([255, 0, 0, 0, 0, 255])
        assert self.pixel(self.read(tmp_path, image)) == (0, 0, 255)

    def test_a_transparent_colour_in_rgb(self, tmp_path):
        image = Image.new("RGB", (4, 4), (0, 255, 0))
        image.putpixel((1, 1), (9, 9, 9))
        read = self.read(tmp_path, image, transparency=(0, 255, 0))
        assert [self.pixel(read), self.pixel(read, (1, 1))] == [(255, 255, 255), (9, 9, 9)]

    @pytest.mark.parametrize("name", ["x.png", "x.tif"])
    def test_16_bits_are_scaled_and_not_clipped(self, tmp_path, name):
        values = np.array([[0, 257, 32896, 65535]], np.uint16)
        grey = np.asarray(self.read(tmp_path, Image.fromarray(values), name))
        np.testing.assert_array_equal(grey[0, :, 0], [0, 1, 128, 255])

    @pytest.mark.parametrize(("values", "grey"), [
        ([0.0, 0.5, 1.0], [0, 128, 255]),
        ([0.0, 51.0, 200.0], [0, 51, 200]),
        ([0.0, 257.0, 65535.0], [0, 1, 255]),
        ([-1.0, 0.0, 1.0], [0, 128, 255]),
        ([0.0, float("nan"), 1.0], [0, 0, 255]),
    ])  # fmt: skip
    def test_floats_are_scaled_from_the_range_they_use(self, tmp_path, values, grey):
        image = Image.fromarray(np.array([values], np.float32))
        np.testing.assert_array_equal(
            np.asarray(self.read(tmp_path, image, "x.tif"))[0, :, 0], grey
        )

    def test_32_bit_integers(self, tmp_path):
        image = Image.fromarray(np.array([[0, 500_000, 1_000_000]], np.int32))
        grey = np.asarray(self.read(tmp_path, image, "x.tif"))[0, :, 0]
        np.testing.assert_array_equal(grey, [0, 128, 255])

    @pytest.mark.parametrize("name", ["x.gif", "x.webp", "x.png", "x.tif"])
    def test_the_first_frame_of_an_animation(self, tmp_path, name):
        frames = [Image.new("RGB", (8, 8), colour) for colour in ((250, 0, 0), (0, 0, 250))]
        frames[0].save(tmp_path / name, save_all=True, append_images=frames[1:])
        red, _, blue = self.pixel(read_image(tmp_path / name), (4, 4))
        assert red > 200
        assert blue < 50

    def test_a_file_that_ends_too_early(self, tmp_path):
        draw(size=(200, 200)).save(tmp_path / "x.jpg")
        data = (tmp_path / "x.jpg").read_bytes()
        (tmp_path / "x.jpg").write_bytes(data[: len(data) // 2])
        assert find_images(tmp_path).names == ("x.jpg",)  # the header is whole
        with pytest.raises(ImageReadError, match="cut short"):
            read_image(tmp_path / "x.jpg")

    def test_flipped_bytes_in_the_pixels(self, tmp_path):
        draw(size=(64, 64)).save(tmp_path / "x.png")
        data = bytearray((tmp_path / "x.png").read_bytes())
        data[len(data) // 2 : len(data) // 2 + 40] = b"\xff" * 40
        (tmp_path / "x.png").write_bytes(data)
        with pytest.raises(ImageReadError, match="damaged"):
            read_image(tmp_path / "x.png")

    def test_a_decompression_bomb(self, tmp_path):
        header = b"IHDR" + struct.pack(">IIBBBBB", 60000, 60000, 8, 0, 0, 0, 0)
        chunk = struct.pack(">I", 13) + header + struct.pack(">I", zlib.crc32(header))
        (tmp_path / "x.png").write_bytes(b"\x89PNG\r\n\x1a\n" + chunk + b"\0\0\0\1IDAT")
        with pytest.raises(ImageReadError, match="decompression bomb"):
            read_image(tmp_path / "x.png")
        draw().save(tmp_path / "fine.png")
        assert "pixels" in skipped(find_images(tmp_path))["x.png"]

    @pytest.mark.parametrize("name", ["gone.png", "."])
    def test_a_file_that_cannot_be_opened(self, tmp_path, name):
        with pytest.raises(ImageReadError):
            read_image(tmp_path / name)

    def test_no_warning_leaks_and_the_filters_come_back(self, tmp_path, monkeypatch):
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 400)
        draw().save(tmp_path / "x.png")  # 480 pixels: Pillow warns
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            before = list(warnings.filters)
            read_image(tmp_path / "x.png")
            find_images(tmp_path)
            assert warnings.filters == before
        assert caught == []

    def test_many_threads_leave_the_filters_alone(self, image_folder):
        before = list(warnings.filters)
        paths = find_images(image_folder).paths * 20
        with ThreadPoolExecutor(8) as pool:
            assert {image.mode for image in pool.map(read_image, paths)} == {"RGB"}
        assert warnings.filters == before


class TestThumbnail:
    def test_the_longest_side_is_the_size(self, tmp_path):
        draw(size=(200, 100)).save(tmp_path / "x.png")
        assert thumbnail(tmp_path / "x.png", 50).size == (50, 25)
        assert thumbnail(tmp_path / "x.png").size == (96, 48)

    def test_small_images_do_not_grow(self, tmp_path):
        draw(size=(20, 10)).save(tmp_path / "x.png")
        assert thumbnail(tmp_path / "x.png", 50).size == (20, 10)

    def test_a_large_jpeg_is_decoded_small_and_looks_the_same(self, tmp_path, monkeypatch):
        image = draw("green", size=(1600, 1200))
        image.save(tmp_path / "x.jpg", quality=95)
        seen = []
        transpose = Image.Image.load
        monkeypatch.setattr(
            Image.Image, "load", lambda self: seen.append(self.size) or transpose(self)
        )
        small = thumbnail(tmp_path / "x.jpg", 80)
        assert small.size == (80, 60)
        assert max(size[0] for size in seen) <= 400
        exact = image.resize((80, 60))
        assert np.abs(np.asarray(small, int) - np.asarray(exact, int)).mean() < 4

    def test_all_modes_become_rgb(self, tmp_path):
        Image.new("RGBA", (300, 300), (0, 0, 0, 0)).save(tmp_path / "x.png")
        assert thumbnail(tmp_path / "x.png").getpixel((5, 5)) == (255, 255, 255)

    def test_bad_arguments(self, tmp_path):
        with pytest.raises(InputError, match="at least 1 pixel"):
            thumbnail(tmp_path / "x.png", 0)
        with pytest.raises(ImageReadError, match="does not exist"):
            thumbnail(tmp_path / "x.png")


class TestEveryEntry:
    """Whatever lies in a folder is read, or listed with a true reason."""

    def test_links_in_a_circle_and_links_with_a_target_too_long(self, image_folder):
        (image_folder / "a.png").symlink_to("b.png")
        (image_folder / "b.png").symlink_to("a.png")
        (image_folder / "long").symlink_to("x" * 300)
        images = find_images(image_folder)
        assert len(images) == 15
        reasons = skipped(images)
        assert sorted(reasons) == ["a.png", "b.png", "long"]
        assert all("the link cannot be followed" in reason for reason in reasons.values())

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
    @pytest.mark.timeout(120)
    def test_a_named_pipe_never_blocks(self, image_folder):
        os.mkfifo(image_folder / "pipe.jpg")
        os.mkfifo(image_folder / "red" / "metadata.json")
        images = find_images(image_folder)
        assert len(images) == 15
        assert skipped(images)["pipe.jpg"] == "a named pipe, not a file"
        with pytest.raises(ImageReadError, match="a named pipe"):
            read_image(image_folder / "pipe.jpg")
        with pytest.raises(InputError, match="a named pipe"):
            find_images(image_folder / "pipe.jpg")

    @pytest.mark.skipif(sys.platform == "win32", reason="no such sockets here")
    def test_sockets_are_listed(self, image_folder, monkeypatch):
        import socket

        monkeypatch.chdir(image_folder)  # the path of a socket is short
        with socket.socket(socket.AF_UNIX) as server:
            server.bind("talk.png")
            assert skipped(find_images(image_folder))["talk.png"] == "a socket, not a file"

    @pytest.mark.parametrize("name", ["@eaDir", "#recycle", "$RECYCLE.BIN", "__MACOSX"])
    def test_bins_and_thumbnail_folders_are_skipped_with_a_reason(self, image_folder, name):
        (image_folder / name).mkdir()
        draw().save(image_folder / name / "old.jpg")
        images = find_images(image_folder)
        assert len(images) == 15
        assert "move pictures that you want out of it" in skipped(images)[name]

    @pytest.mark.parametrize("suffix", ["ppm", "tga", "svg", "pdf", "ico", "jxl", "psd", "exr"])
    def test_other_image_formats_are_listed(self, image_folder, suffix):
        (image_folder / f"x.{suffix}").write_bytes(b"P6 1 1 255 abc")
        assert suffix.upper() in skipped(find_images(image_folder))[f"x.{suffix}"]

    @pytest.mark.parametrize("suffix", ["nef", "dng", "cr2", "arw"])
    def test_a_raw_file_is_never_read_as_its_thumbnail(self, image_folder, suffix):
        draw().save(image_folder / f"raw.{suffix}", "TIFF")
        assert "camera raw" in skipped(find_images(image_folder))[f"raw.{suffix}"]

    def test_a_raw_file_under_another_name_is_known_by_its_tags(self, image_folder):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[50706] = b"\x01\x04\x00\x00"  # DNGVersion
        draw().save(image_folder / "raw.tif", tiffinfo=tags)
        assert "camera raw" in skipped(find_images(image_folder))["raw.tif"]

    def test_a_dataset_that_is_not_read_again_is_named(self, image_folder):
        (image_folder / "out" / "red").mkdir(parents=True)
        draw().save(image_folder / "out" / "red" / "copy.png")
        (image_folder / "out" / "metadata.json").write_text('{"generator": "protolabel", "x": 1}')
        assert "protolabel exported" in skipped(find_images(image_folder))["out"]

    def test_a_folder_that_only_mentions_protolabel_is_read(self, image_folder):
        text = '{"note": "not from", "nested": {"generator": "protolabel"}}'
        (image_folder / "red" / "metadata.json").write_text(text)
        assert len(find_images(image_folder)) == 15

    @pytest.mark.parametrize("folder", ["x" * 300, "a\0b", 4.5, None, "~nobody-of-that-name/x"])
    def test_a_folder_that_is_no_folder_at_all(self, folder):
        with pytest.raises(InputError, match="Expected a folder"):
            find_images(folder)

    @pytest.mark.parametrize("paths", [7, "a.png", [1], ["a\0b"], [b"a", "b", 3]])
    def test_a_list_of_paths_that_is_none(self, paths):
        with pytest.raises(InputError):
            ImageSet.from_paths(paths)

    def test_a_duplicate_at_the_end_of_a_long_list_is_found_at_once(self):
        paths = [f"/x/{number}.png" for number in range(80_000)]
        start = time.process_time()  # the machine may be busy
        with pytest.raises(InputError, match=r"79999\.png' twice"):
            ImageSet.from_paths([*paths, paths[-1]])
        assert time.process_time() - start < 5


class TestSoundPictures:
    @pytest.mark.parametrize("after", [False, True])
    def test_large_texts_in_a_png_do_not_cost_the_picture(self, tmp_path, after):
        draw("blue").save(tmp_path / "x.png")
        data = (tmp_path / "x.png").read_bytes()
        body = b"Comment\0\0" + zlib.compress(b"a" * 3_000_000)
        chunk = struct.pack(">I", len(body)) + b"zTXt" + body
        chunk += struct.pack(">I", zlib.crc32(b"zTXt" + body))
        place = len(data) - 12 if after else 33
        (tmp_path / "x.png").write_bytes(data[:place] + chunk + data[place:])
        assert find_images(tmp_path).names == ("x.png",)
        np.testing.assert_array_equal(read_image(tmp_path / "x.png"), draw("blue"))

    def test_a_large_profile_does_not_cost_the_picture(self, tmp_path):
        draw().save(tmp_path / "x.png", icc_profile=b"\0" * 3_000_000)
        np.testing.assert_array_equal(read_image(tmp_path / "x.png"), draw())

    @pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
    @pytest.mark.parametrize("name", ["x.png", "x.tif"])
    def test_fewer_bits_in_a_16_bit_file_fill_the_range(self, tmp_path, bits, name):
        top = 2**bits - 1
        values = np.array([[0, top // 2, top]], np.uint16)
        Image.fromarray(values).save(tmp_path / name)
        grey = np.asarray(read_image(tmp_path / name))[0, :, 0]
        np.testing.assert_array_equal(grey, [0, 127, 255])

    def test_a_dark_16_bit_tiff_that_says_its_largest_value_stays_dark(self, tmp_path):
        tags = TiffImagePlugin.ImageFileDirectory_v2()
        tags[281] = 65535
        Image.fromarray(np.array([[0, 1000]], np.uint16)).save(tmp_path / "x.tif", tiffinfo=tags)
        assert np.asarray(read_image(tmp_path / "x.tif")).max() == 4

    def test_a_tiff_of_many_bands_is_not_called_damaged(self, tmp_path):
        draw().save(tmp_path / "x.tif")
        data = bytearray((tmp_path / "x.tif").read_bytes())
        at = data.index(struct.pack("<HHI", 277, 3, 1))  # SamplesPerPixel
        data[at + 8 : at + 10] = struct.pack("<H", 7)
        (tmp_path / "x.tif").write_bytes(data)
        with pytest.raises(ImageReadError, match=r"7 bands.*convert it"):
            read_image(tmp_path / "x.tif")

    @pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
    def test_avif_is_read(self, tmp_path):
        draw("violet", size=(64, 64)).save(tmp_path / "x.avif", quality=95)
        assert find_images(tmp_path).names == ("x.avif",)
        exact = np.asarray(draw("violet", size=(64, 64)), int)
        assert np.abs(np.asarray(read_image(tmp_path / "x.avif"), int) - exact).mean() < 8

    def test_heic_is_read_with_the_extra(self, tmp_path):
        pillow_heif = pytest.importorskip("pillow_heif")
        pillow_heif.from_pillow(draw("green", size=(64, 64))).save(tmp_path / "x.heic", quality=95)
        assert find_images(tmp_path).names == ("x.heic",)
        exact = np.asarray(draw("green", size=(64, 64)), int)
        assert np.abs(np.asarray(read_image(tmp_path / "x.heic"), int) - exact).mean() < 8

    def test_heic_without_the_extra_names_it(self, tmp_path, monkeypatch):
        (tmp_path / "x.heic").write_bytes(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + b"\0" * 64)
        monkeypatch.setattr(pixels, "prepare_reading", lambda: False)
        with pytest.raises(ImageReadError, match=r"protolabel\[heic\]"):
            read_image(tmp_path / "x.heic")


class TestReduced:
    @pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "P", "CMYK", "I;16", "I", "F", "1", "LA"])
    def test_every_mode_is_reduced_to_no_less_than_asked(self, tmp_path, mode):
        picture = draw("green", size=(200, 130))
        if mode == "I;16":
            picture = Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
        else:
            picture = picture.convert(mode)
        picture.save(tmp_path / "x.tif")
        whole, small = (read_image(tmp_path / "x.tif", short_side=side) for side in (None, 32))
        assert small.size == (50, 33)  # 130 // 32 = 4
        difference = np.asarray(whole.reduce(4), int) - np.asarray(small, int)
        assert np.abs(difference).max() <= 1

    def test_strips_make_the_same_picture_as_the_whole(self, tmp_path, monkeypatch):
        draw(size=(90, 121)).save(tmp_path / "x.png")
        whole = read_image(tmp_path / "x.png", short_side=30)
        monkeypatch.setattr(pixels, "_STRIP", 900)
        np.testing.assert_array_equal(read_image(tmp_path / "x.png", short_side=30), whole)

    def test_threads_decode_no_more_than_the_budget_at_a_time(self, tmp_path, monkeypatch):
        draw(size=(100, 100)).save(tmp_path / "x.png")  # 80,000 bytes by the budget's count
        monkeypatch.setattr(pixels, "BUDGET", 200_000)
        held, most = [], []
        load = ImageFile.ImageFile.load

        def slow(self):
            held.append(1)
            most.append(len(held))
            time.sleep(0.02)
            held.pop()
            return load(self)

        monkeypatch.setattr(ImageFile.ImageFile, "load", slow)
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(read_image, [tmp_path / "x.png"] * 16))
        assert max(most) <= 2


def _deep_file(values: np.ndarray, kind: str, place: Path) -> Path:
    """Write 16-bit colours, which Pillow reads and does not write."""
    height, width, bands = values.shape
    if kind == "PNG":
        rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
        header = struct.pack(">IIBBBBB", width, height, 16, 2 if bands == 3 else 6, 0, 0, 0)
        chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
        content = b"\x89PNG\r\n\x1a\n" + b"".join(
            struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))
            for name, body in chunks
        )
    else:
        order = "<" if kind == "TIFF, little-endian" else ">"
        body = values.astype(f"{order}u2").tobytes()
        entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 200), (259, 3, 1, 1),
                   (262, 3, 1, 2), (273, 4, 1, 300), (277, 3, 1, 3), (278, 3, 1, height),
                   (279, 4, 1, len(body))]  # fmt: skip
        content = struct.pack(f"{order}2sHI", b"II" if order == "<" else b"MM", 42, 8)
        content += struct.pack(f"{order}H", len(entries))
        for tag, form, count, value in entries:
            short = form == 3 and count == 1
            place_ = (
                struct.pack(f"{order}HH", value, 0) if short else struct.pack(f"{order}I", value)
            )
            content += struct.pack(f"{order}HHI", tag, form, count) + place_
        content += bytes(4)
        content = content.ljust(200, b"\0") + struct.pack(f"{order}HHH", 16, 16, 16)
        content = content.ljust(300, b"\0") + body
    place.write_bytes(content)
    return place


@pytest.mark.parametrize("kind", ["PNG", "TIFF, little-endian", "TIFF, big-endian"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_colours_of_10_and_12_bits_in_16_are_scaled(tmp_path, kind, bits):
    largest = 2**bits - 1
    rng = np.random.default_rng(bits)
    values = rng.integers(0, largest + 1, (20, 24, 3)).astype(np.uint16)
    values[0, 0] = largest
    read = np.asarray(read_image(_deep_file(values, kind, tmp_path / "deep.png"))).astype(float)
    assert np.abs(read - values * (255 / largest)).max() <= 1.0


def test_transparency_of_16_bits_stays_beside_colours_of_12(tmp_path):
    values = np.full((8, 8, 4), 4095, np.uint16)
    values[..., 3] = 65535
    assert np.asarray(read_image(_deep_file(values, "PNG", tmp_path / "deep.png"))).min() == 255
