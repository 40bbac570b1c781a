from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.common.vectors import unit_rows
from protolabel.embedding.prompts import ClassVectors
from protolabel.encoders.base import EncoderInfo
from protolabel.exporting import WRITERS, ExportJob, report_text, versions
from protolabel.images import ImageSet, Skipped
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import refine


def run(names: tuple[str, ...], truth: np.ndarray, **options) -> Labels:
    axes = np.eye(12, dtype=np.float32)[: len(names)]
    noise = np.random.default_rng(0).normal(0, 0.1, (len(truth), 12)).astype(np.float32)
    classes = ClassVectors(names, axes, 50.0, None)
    return label(refine(unit_rows(axes[truth] + noise), classes, progress=silent, **options))


def images(count: int, skipped: tuple[Skipped, ...] = ()) -> ImageSet:
    return ImageSet(Path("/photos"), tuple(f"img{i:03}.png" for i in range(count)), skipped)


def job_of(labels: Labels, images: ImageSet, **given) -> ExportJob:
    defaults = {
        "encoder": None, "visual_encoder": None, "vectors": None, "visual": None,
        "classifier": None,
        "folder": Path("/nowhere"),
        "target": Path("/nowhere"),
        "writers": (),
        "link": "copy", "class_folders": labels.names, "none_folder": None,
        "files": tuple(Path(name).name for name in images.names), "side": None, "groups": None,
        "split_shares": (0.7, 0.15, 0.15), "seed": 0,
        "columns": (),
        "parameters": {} if labels.run is None else labels.run.parameters,
        "projection": None, "prototype_map": None, "progress": silent,
    }  # fmt: skip
    return ExportJob(labels=labels, images=images, **{**defaults, **given})


@pytest.fixture
def labels() -> Labels:
    return run(("dog", "cat", "unicorn"), np.repeat([0, 1], [30, 10]))


def test_it_says_what_a_person_wants_to_know(labels: Labels) -> None:
    side = np.repeat([0, 1, 2], [28, 6, 6])
    job = job_of(
        labels,
        images(40, (Skipped("bad.jpg", "the file is empty"),)),
        encoder=EncoderInfo("ViT-B-32", 512, 100.0, "ViT-B-32", "laion2b"),
        side=side,
        groups=np.r_[0, 0, np.arange(1, 39)],
        seed=7,
        writers=tuple(WRITERS[name] for name in ("folders", "splits", "prototypes", "csv")),
        class_folders=("dog", "cat", "unicorn_2"),
    )
    text = report_text(job)
    for words in [
        "40 images in 3 classes, 2 of them with images",
        "1 file could not be used",
        "bad.jpg: the file is empty",
        "estimated without truth",
        "against zero-shot",
        "No image was labelled unicorn",
        "train 28 (70.0%), val 6 (15.0%), test 6 (15.0%)",
        "2 images in 1 group of near-duplicates",
        "unicorn_2",
        "ImageFolder",
        "protolabel apply",
        "seed of the splits: 7",
        "method: anchored",
        "ViT-B-32 (512 dimensions, weights laion2b)",
        "kept iteration: 5 of 5",
    ]:
        assert words in " ".join(text.split()), words
    assert text.count("margin") == 10
    assert max(map(len, text.splitlines())) <= 100
    assert text.endswith("\n")


def test_the_agreement_of_one_vote_is_said_to_be_no_probability(labels: Labels) -> None:
    plain = run(("dog", "cat"), np.repeat([0, 1], 3), method="plain", units="images")
    for one, count in ((labels.at(0), 40), (plain, 6)):
        assert "not a probability" in " ".join(report_text(job_of(one, images(count))).split())
    assert "not a probability" not in report_text(job_of(labels, images(40)))


def test_the_bars_are_as_long_as_the_counts(labels: Labels) -> None:
    rows = {
        line.split()[0]: line
        for line in report_text(job_of(labels, images(40))).splitlines()
        if line
    }
    assert rows["dog"].count("#") == 24
    assert rows["cat"].count("#") == 8
    assert "#" not in rows["unicorn"]


def test_the_least_certain_come_first(labels: Labels) -> None:
    text = report_text(job_of(labels, images(40)))
    place = [text.index(f"img{index:03}.png") for index in labels.least_certain[:10]]
    assert place == sorted(place)


def test_zero_shot_labels_say_so(labels: Labels) -> None:
    assert "These are the zero-shot labels" in report_text(job_of(labels.at(0), images(40)))


def test_labels_of_the_sample_encoder_say_that_it_knows_drawings_only(labels: Labels) -> None:
    def report(name: str) -> str:
        encoder = EncoderInfo(name, 12, 100.0, "custom")
        return report_text(job_of(labels, images(40), encoder=encoder))

    assert "sample encoder knows drawings of animals only" in report(pl.load_encoder("sample").name)
    assert "sample encoder" not in report("ViT-B-32")


def test_labels_without_a_run(labels: Labels) -> None:
    from dataclasses import replace

    text = report_text(job_of(replace(labels, run=None), images(40)))
    assert "saved earlier" in text
    assert "What to know" not in text


def test_pins_are_counted() -> None:
    text = report_text(
        job_of(run(("dog", "cat"), np.repeat([0, 1], 10), pins={0: 0, 3: 0}), images(20))
    )
    assert "2 labels fixed by hand" in text


def test_names_cannot_break_lines_or_steer_a_terminal() -> None:
    labels = run(("dog", "犬" * 40, "x"), np.repeat([0, 1, 2], 8))
    shown = ImageSet(
        Path("/p"), tuple(f"a\nb\x1b[2J{i}\udce9.png" for i in range(24)), (Skipped("\x07", "\r"),)
    )
    text = report_text(job_of(labels, shown))
    assert "\x1b" not in text
    assert "\x07" not in text
    assert "a\\nb\\x1b[2J" in text
    text.encode("utf-8")
    assert "犬" * 12 + "..." in text


def test_one_image() -> None:
    assert "1 image in 1 class." in report_text(job_of(run(("dog",), np.array([0])), images(1)))


def test_many_skipped_files_are_summed_up(labels: Labels) -> None:
    lost = tuple(Skipped(f"{i}.jpg", "empty") for i in range(500))
    text = report_text(job_of(labels, images(40, lost)))
    assert "480 more" in text
    assert text.count("empty") == 20


def test_versions_name_what_is_installed() -> None:
    assert versions()["numpy"] == np.__version__
    assert versions()["protolabel"] == pl.__version__
    assert "python" in versions()


def test_settings_are_rounded() -> None:
    labels = run(("dog", "cat"), np.repeat([0, 1], [30, 10]), temperature=0.09999999976974147)
    text = report_text(job_of(labels, images(40)))
    assert "temperature: 0.1\n" in text
    assert "0.0999" not in text
