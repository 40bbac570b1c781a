from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fakes import draw
from PIL import Image

from protolabel.errors import ImageReadError, InputError
from protolabel.images.image_set import ImageSet, find_images, read_image, thumbnail


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

    def test_what_is_no_image_though_it_is_named_like_one(self, image_folder):
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
        assert skipped(images) == {"broken.png": "the file does not exist"}

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
        with pytest.raises(InputError, match="pass the folder it is in"):
            find_images(image_folder / "red" / "0000.png")

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
