"""The command line as a person uses it, with the sample encoder on drawn pictures."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import protolabel as pl
from protolabel.cli import main
from protolabel.common.wording import columns
from protolabel.exporting import WRITERS

CLASSES = ["dog", "cat", "giraffe"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("cli") / "photos"
    pl.write_sample_pictures(folder, classes=CLASSES, per_class=8)
    (folder / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 not a picture")
    return folder


@pytest.fixture(scope="module")
def vectors(photos, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("vectors")
    assert main(["embed", str(photos), "--encoder", "sample", "--output", str(folder)]) == 0
    return folder


@pytest.fixture(scope="module")
def dataset(vectors, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("dataset") / "annotated"
    call = ["run", "--embeddings", str(vectors / "embeddings.npy")]
    call += ["--image-paths", str(vectors / "image_paths.txt"), "--classes", *CLASSES]
    call += ["--temperature", "0.05", "--iterations", "7", "--seed", "3", "--preset", "small"]
    assert main([*call, "--output", str(folder)]) == 0
    return folder


def metadata(folder: Path) -> dict:
    return json.loads((folder / "metadata.json").read_text("utf-8"))


def test_embed_writes_vectors_paths_and_encoder(vectors):
    rows = np.load(vectors / "embeddings.npy", allow_pickle=False)
    paths = (vectors / "image_paths.txt").read_text().splitlines()
    assert len(rows) == len(paths) == 24
    assert all(Path(path).is_file() for path in paths)
    about = json.loads((vectors / "embeddings.json").read_text())
    assert about["encoder"]["model"] == "sample"


def test_embed_again_says_the_same_and_names_the_broken_file(photos, vectors, capsys):
    before = (vectors / "embeddings.npy").read_bytes()
    assert main(["embed", str(photos), "--encoder", "sample", "--output", str(vectors)]) == 0
    assert (vectors / "embeddings.npy").read_bytes() == before
    assert "broken.jpg" in capsys.readouterr().out


def test_run_from_embeddings_writes_the_dataset(dataset):
    about = metadata(dataset)
    assert about["n_images"] == 24
    assert about["classes"] == CLASSES
    given = about["parameters"]
    assert (given["temperature"], given["iterations"], given["seed"]) == (0.05, 7, 3)
    for name in ("report.txt", "labels.csv", "classifier.npz", "map.npy"):
        assert (dataset / name).stat().st_size > 0
    assert len(np.load(dataset / "class_prototypes.npy", allow_pickle=False)) == 3
    assert sum(len(list((dataset / name).iterdir())) for name in CLASSES) == 24


def test_a_report_is_named_only_where_it_was_written(photos, vectors, tmp_path, capsys):
    call = ["run", "--embeddings", str(vectors / "embeddings.npy"), "--classes", *CLASSES]
    assert main([*call, "--formats", "csv", "--output", f"{tmp_path}/out/"]) == 0
    assert capsys.readouterr().out.splitlines()[-1] == f"Wrote {tmp_path}/out/"


def test_wide_and_long_names_keep_their_columns(capsys):
    from worlds import make_world

    from protolabel.cli import _print_labels

    world = make_world((5, 5, 5))
    names = ["犬", "cat", "x" * 200]
    classes = pl.ClassVectors(names, world.classes.vectors)
    _print_labels(pl.label(pl.refine(world.vectors, classes, progress=lambda *_: None)))
    lines = capsys.readouterr().out.splitlines()
    assert len({columns(line[: line.index("5  agr")]) for line in lines}) == 1
    assert max(map(columns, lines)) < 80


def test_run_from_a_folder_equals_run_from_its_embeddings(photos, dataset, tmp_path):
    call = ["run", str(photos), "--classes", *CLASSES, "--encoder", "sample", "--seed", "3"]
    call += ["--temperature", "0.05", "--iterations", "7", "--preset", "small"]
    call += ["--store", str(tmp_path / "store"), "--output", str(tmp_path / "out")]
    assert main(call) == 0
    mine = {Path(i["source"]).name: i["label"] for i in metadata(tmp_path / "out")["images"]}
    assert mine == {Path(i["source"]).name: i["label"] for i in metadata(dataset)["images"]}


def test_apply_labels_new_images_with_saved_prototypes(dataset, tmp_path, capsys):
    fresh = pl.write_sample_pictures(tmp_path / "new", classes=CLASSES, per_class=5, seed=9)
    call = ["apply", str(dataset), str(fresh.folder), "--output", str(tmp_path / "out")]
    assert main([*call, "--store", str(tmp_path / "store")]) == 0
    images = metadata(tmp_path / "out")["images"]
    right = np.mean([i["label"] == fresh.truth[Path(i["source"]).name] for i in images])
    assert right > 0.6
    assert "giraffe" in capsys.readouterr().out
    assert metadata(tmp_path / "out")["parameters"]["none_of_these"] is None


def test_what_apply_wrote_remembers_both_folders_and_opens_as_a_session(dataset, tmp_path):
    classifier = pl.PrototypeClassifier.load(dataset / "classifier.npz")
    fresh = pl.write_sample_pictures(tmp_path / "new", classes=CLASSES, per_class=5, seed=9)
    call = ["apply", str(dataset), str(fresh.folder), "--output", str(tmp_path / "out")]
    assert main([*call, "--store", str(tmp_path / "store")]) == 0
    richer = pl.PrototypeClassifier.load(tmp_path / "out" / "classifier.npz")
    assert len(richer.memory_) == len(classifier.memory_) + 15
    session = pl.Session.load(tmp_path / "out", encoder="sample")
    assert list(session.names) == list(CLASSES)
    assert len(session.labels) == 15


def test_apply_sets_aside_images_that_fit_no_name(dataset, tmp_path, capsys):
    fresh = pl.write_sample_pictures(tmp_path / "new", classes=CLASSES, per_class=4, seed=9)
    call = ["apply", str(dataset), str(fresh.folder), "--output", str(tmp_path / "out")]
    assert main([*call, "--store", str(tmp_path / "store"), "--none-of-these", "1"]) == 0
    about = metadata(tmp_path / "out")
    assert about["parameters"]["none_of_these"] == 1
    assert sum(image.get("none_of_these", False) for image in about["images"]) > 0


def test_evaluate_compares_a_dataset_with_class_folders(photos, dataset, tmp_path, capsys):
    about = metadata(dataset)
    truth = tmp_path / "checked"
    for record in about["images"]:
        name = "cat" if record is about["images"][0] else record["label"]
        (truth / name).mkdir(parents=True, exist_ok=True)
        (truth / name / Path(record["source"]).name).hardlink_to(photos / record["source"])
    assert main(["evaluate", str(dataset), str(truth)]) == 0
    said = capsys.readouterr().out
    first = about["images"][0]
    assert first["label"] != "cat"
    assert f"Accuracy {23 / 24:.3f} of 24 judged images" in said
    assert f"{first['label']}, but it is cat: {first['source']}" in said


def test_evaluate_takes_a_table_of_a_part(dataset, tmp_path, capsys):
    images = metadata(dataset)["images"]
    rows = [f"{one['source']},{one['label'].upper()}" for one in images[:5]]
    (tmp_path / "truth.csv").write_text("\n".join(["image,truth", *rows]))
    assert main(["evaluate", str(dataset), str(tmp_path / "truth.csv")]) == 0
    said = capsys.readouterr().out
    assert "Accuracy 1.000 of 5 judged images" in said
    assert "for all 24 with 95 % confidence" in said
    assert "Wrong labels" not in said
    assert main(["evaluate", str(tmp_path), str(tmp_path / "truth.csv")]) == 1
    assert "Expected a folder that an export wrote" in capsys.readouterr().err


def test_a_dataset_is_no_truth_about_itself(dataset, monkeypatch, capsys):
    monkeypatch.chdir(dataset)
    assert main(["evaluate", str(dataset), "labels.csv"]) == 1
    assert "columns image and truth" in capsys.readouterr().err


def test_formats_lists_every_format_with_what_it_holds(capsys):
    assert main(["formats"]) == 0
    listed = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert [name for name, _ in listed] == list(WRITERS)
    assert all(description for _, description in listed)


def test_plot_writes_pictures(dataset, tmp_path, capsys):
    assert main(["plot", str(dataset), "--output", str(tmp_path / "plots")]) == 0
    written = [Path(line) for line in capsys.readouterr().out.splitlines()]
    assert len(written) >= 5
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in written)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["run", "nowhere", "--classes", "a", "--output", "o"], "nowhere"),
        (["run", "--classes", "a", "--output", "o"], "--embeddings"),
        (["run", ".", "--classes", "cat", "CAT", "--output", "o"], "CAT"),
        (["run", ".", "--classes", "dog,cat", "--output", "o"], "--classes dog cat"),
        (["run", ".", "--classes", "dog, traffic light", "--output", "o"], "dog 'traffic light'"),
        (["run", ".", "--classes", "dog,", "cat", "--output", "o"], "--classes dog cat"),
        (["run", ".", "--classes", "a", "--temperature", "0", "--output", "o"], "temperature"),
        (["apply", "nothing", ".", "--output", "o"], "nothing"),
        (["plot", "nothing"], "nothing"),
        (["embed", "nowhere", "--encoder", "ViT-B-33", "--output", "o"], "nowhere"),
    ],
)
def test_what_cannot_be_done_is_one_message_and_exit_code_1(
    call, says, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    assert main(call) == 1
    said = capsys.readouterr().err
    assert said.startswith("protolabel: ")
    assert says in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (["--classes", "classes.txt"], "--classes-file classes.txt"),
        (["--classes", "red", "photos"], "before --classes"),
        ([".", "--classes", "red", "photos/"], "got the folder 'photos/'"),
        ([".", "--classes-file", "nowhere.txt"], "nowhere.txt"),
    ],
)
def test_no_file_or_folder_passes_for_a_class(call, says, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("photos").mkdir()
    Path("classes.txt").write_text("red\nblue\n", "utf-8")
    assert main(["run", *call, "--output", "out"]) == 1
    assert says in capsys.readouterr().err


def test_class_names_are_read_from_a_file_and_a_folder_of_that_name_is_mentioned(
    photos, vectors, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("names.txt").write_text("dog\n\n cat \n", "utf-8")
    call = ["run", "--embeddings", str(vectors / "embeddings.npy"), "--formats", "csv"]
    call += ["--image-paths", str(vectors / "image_paths.txt")]
    assert main([*call, "--classes-file", "names.txt", "--output", "a"]) == 0
    assert metadata(Path("a"))["classes"] == ["dog", "cat"]
    Path("dog").mkdir()
    assert main([*call, "--classes", "dog", "cat", "--output", "b"]) == 0
    assert "note: dog is taken for a class name" in capsys.readouterr().err


def test_a_closed_pipe_and_a_narrow_console_are_no_error(photos, tmp_path):
    (photos / "\u732b.jpg").write_bytes(b"not a picture")
    command = f"{sys.executable} -m protolabel"
    store = f"--output {tmp_path} --encoder sample"
    line = f"{command} embed {photos} {store} | true; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], capture_output=True, text=True, check=False)
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    ascii_only = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [*command.split(), "embed", str(photos), *store.split()],
        capture_output=True, text=True, check=False, env=ascii_only,
    )  # fmt: skip
    (photos / "\u732b.jpg").unlink()
    assert done.returncode == 0
    assert "\\u732b.jpg" in done.stdout


@pytest.mark.parametrize("command", ["run", "apply"])
def test_a_dataset_is_not_replaced_unasked_and_nothing_is_embedded_for_it(
    photos, dataset, tmp_path, capsys, command
):
    call = ["apply", str(dataset), str(photos)]
    if command == "run":
        call = ["run", str(photos), "--classes", *CLASSES, "--encoder", "sample"]
    assert main([*call, "--output", str(dataset), "--store", str(tmp_path / "store")]) == 1
    assert "--overwrite" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_misspelt_format_is_named_before_anything_is_embedded(photos, tmp_path, capsys):
    call = ["run", str(photos), "--classes", *CLASSES, "--encoder", "sample"]
    call += ["--formats", "folders", "cvs", "--output", str(tmp_path / "out")]
    assert main([*call, "--store", str(tmp_path / "store")]) == 1
    assert "got 'cvs'" in capsys.readouterr().err
    assert not (tmp_path / "store").exists()


def test_a_word_the_sample_encoder_does_not_know_is_named(photos, tmp_path, capsys):
    call = ["run", str(photos), "--classes", "dog", "submarine", "--encoder", "sample"]
    call += ["--store", str(tmp_path / "store"), "--output", str(tmp_path / "out")]
    assert main(call) == 1
    assert "submarine" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_interrupt_ends_with_130(photos, monkeypatch, tmp_path, capsys):
    def interrupt(*arguments, **options):
        raise KeyboardInterrupt

    monkeypatch.setattr("protolabel.embedding.embed.embed_images", interrupt)
    call = ["embed", str(photos), "--encoder", "sample", "--output", str(tmp_path)]
    assert main(call) == 130
    assert "goes on" in capsys.readouterr().err


def test_a_wrong_call_shows_the_usage(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["run", "--classes", "a"])
    assert ended.value.code == 2
    assert "--output" in capsys.readouterr().err


def test_python_m_protolabel():
    done = subprocess.run(
        [sys.executable, "-m", "protolabel", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == pl.__version__


def test_run_sets_aside_what_fits_no_name_and_suggests_one(vectors, tmp_path, capsys):
    (tmp_path / "words.txt").write_text("zebra\n\ngiraffe\nowl\ndog\n", "utf-8")
    call = ["run", "--embeddings", str(vectors / "embeddings.npy")]
    call += ["--image-paths", str(vectors / "image_paths.txt"), "--classes", "dog", "cat"]
    call += ["--none-of-these", "--vocabulary", str(tmp_path / "words.txt")]
    assert main([*call, "--output", str(tmp_path / "out")]) == 0
    said = capsys.readouterr().out
    assert "fit none of the names and are set aside" in said
    assert "perhaps: giraffe" in said
    about = metadata(tmp_path / "out")
    assert about["parameters"]["none_of_these"] == 0.5
    assert about["none_of_these"]["images"] >= 6
    assert (tmp_path / "out" / "splits" / "none_of_these").is_dir()
    rows = [f"{one['source']},{one['label']}" for one in about["images"]]
    (tmp_path / "truth.csv").write_text("\n".join(["image,truth", *rows]), "utf-8")
    assert main(["evaluate", str(tmp_path / "out"), str(tmp_path / "truth.csv")]) == 0
    aside = about["none_of_these"]["images"]
    said = capsys.readouterr().out
    assert f"{24 - aside} judged images" in said
    assert f"{aside} images set aside as none of these" in said
    assert main([*call, "--none-of-these", "0", "--output", str(tmp_path / "all")]) == 0
    assert metadata(tmp_path / "all")["parameters"]["none_of_these"] == 0
    assert not (tmp_path / "all" / "splits" / "none_of_these").exists()


@pytest.mark.parametrize(
    ("option", "says"),
    [(["--none-of-these", "7"], "strictness"), (["--vocabulary", "nowhere.txt"], "nowhere.txt")],
)
def test_a_strictness_or_vocabulary_that_cannot_be_used_is_named(
    vectors, tmp_path, capsys, option, says
):
    call = ["run", "--embeddings", str(vectors / "embeddings.npy"), "--classes", "dog", "cat"]
    call += ["--image-paths", str(vectors / "image_paths.txt"), *option]
    assert main([*call, "--output", str(tmp_path / "out")]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_an_audit_goes_out_as_a_sheet_and_comes_back_into_the_dataset(
    dataset, tmp_path, monkeypatch, capsys
):
    copy = tmp_path / "copy"
    shutil.copytree(dataset, copy)
    assert main(["audit", str(copy), "--images", "12"]) == 0
    table = tmp_path / "copy_audit" / "audit.csv"
    assert str(table) in capsys.readouterr().out
    sheet = (table.parent / "contact_sheet.html").read_text("utf-8")
    assert sheet.count("data:image/jpeg") == 12
    head, *rows = table.read_text("utf-8").splitlines()
    assert head == "number,image,label,truth"
    assert len(rows) == 12
    assert main(["audit", str(copy), "--images", "12"]) == 1
    assert "--answers" in capsys.readouterr().err
    assert main(["audit", str(copy), "--answers", str(table)]) == 0
    assert "no image yet" in capsys.readouterr().out
    assert "audit" not in metadata(copy)
    said = ["yes", "OK ", "no", "a fox", *(row.split(",")[2].upper() for row in rows[4:])]
    filled = [f"{row}{word}".replace(",", ";") for row, word in zip(rows, said, strict=True)]
    table.write_text("\n".join([head.replace(",", ";"), *filled]), "utf-8")
    for _ in range(2):  # the second time replaces the first
        assert main(["audit", str(copy), "--answers", str(table)]) == 0
    assert "audited: 12 images, 0.83, " in capsys.readouterr().out
    about = metadata(copy)
    assert (about["audit"]["images"], about["audit"]["of"]) == (12, 24)
    assert about["audit"]["right"] == 10 / 12
    assert (copy / "report.txt").read_text("utf-8").count(about["audit"]["summary"]) == 1
    changed = {"audit", "crc32"}
    before = {key: value for key, value in metadata(dataset).items() if key != "crc32"}
    assert {k: v for k, v in about.items() if k not in changed} == before
    assert (copy / "metadata.json").read_bytes().startswith(b'{"generator": "protolabel"')


def test_an_audit_of_other_labels_is_refused(dataset, tmp_path, capsys):
    table = tmp_path / "audit.csv"
    source = metadata(dataset)["images"][0]["source"]
    table.write_text(f"number,image,label,truth\n1,{source},walrus,yes\n", "utf-8")
    assert main(["audit", str(dataset), "--answers", str(table)]) == 1
    assert "draw a new one" in capsys.readouterr().err
    table.write_text("image,truth\na.png,cat\n", "utf-8")
    assert main(["audit", str(dataset), "--answers", str(table)]) == 1
    assert "columns named image, label and truth" in capsys.readouterr().err


def test_an_audit_with_two_answers_for_an_image_is_refused(dataset, tmp_path, capsys):
    table, image = tmp_path / "audit.csv", metadata(dataset)["images"][0]
    row = f"1,{image['source']},{image['label']},"
    table.write_text(f"number,image,label,truth\n{row}yes\n{row}no\n", "utf-8")
    assert main(["audit", str(dataset), "--answers", str(table)]) == 1
    assert (
        f"every image once in '{table}', got '{image['source']}' 2 times" in capsys.readouterr().err
    )


def test_suggest_names_a_folder_and_writes_a_page_with_pictures(photos, tmp_path, capsys):
    page = tmp_path / "names.html"
    call = ["suggest", str(photos), "--encoder", "sample", "--sheet", str(page)]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert {line.partition(":")[0] for line in said.splitlines()} >= set(CLASSES)
    assert "broken.jpg" in said
    assert "protolabel run" in said
    text = page.read_text("utf-8")
    assert all(f"<h2>{name}</h2>" in text for name in CLASSES)
    assert text.count("data:image/jpeg;base64,") == 12


def test_suggest_takes_a_number_of_groups_and_words(photos, tmp_path, capsys):
    words = tmp_path / "words.txt"
    words.write_text("animal\ndog\ncat\ngiraffe\nlion\n")
    call = ["suggest", str(photos), "--encoder", "sample", "--vocabulary", str(words)]
    assert main([*call, "--count", "1"]) == 0
    assert capsys.readouterr().out.startswith("animal: 24 images")


def test_suggest_beside_classes_lists_what_fits_none_of_them(photos, capsys):
    call = ["suggest", str(photos), "--encoder", "sample", "--classes", "dog", "cat"]
    assert main(call) == 0
    said = capsys.readouterr().out
    assert "fit no name" in said
    assert "giraffe" in said


@pytest.mark.parametrize(
    ("call", "said"),
    [
        ("run photos --clases dog cat --output out", "--clases: did you mean --classes?"),
        ("run photos -classes dog cat --output out", "-classes: did you mean --classes?"),
        ("run photos --classes dog cat --otput=out", "--otput: did you mean --output?"),
        ("fit vectors --quick", "--quick: see protolabel fit --help"),
        ("--quick run photos", "--quick: see protolabel --help"),
    ],
)
def test_a_misspelt_option_is_named_before_what_is_then_missing(call, said, capsys):
    with pytest.raises(SystemExit):
        main(call.split())
    assert capsys.readouterr().err.splitlines()[-1].endswith(f"error: unknown option {said}")


@pytest.mark.parametrize("call", ["run photos --clas dog --output out", "run photos --output out"])
def test_a_short_form_or_a_missing_option_is_no_misspelling(call, capsys):
    with pytest.raises(SystemExit):
        main(call.split())
    assert "unknown" not in capsys.readouterr().err


def test_a_list_of_names_that_is_not_there_is_said_in_words(photos, tmp_path, capsys):
    listing = str(tmp_path / "names.txt")
    call = ["run", str(photos), "--classes-file", listing, "--output", str(tmp_path / "out")]
    assert main(call) == 1
    said = capsys.readouterr().err
    assert f"got {listing!r} (No such file or directory): check the file." in said


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("embed list.csv --shards --batch-size 0", "no --batch-size with --shards"),
        ("apply fit list.csv --shards --link symlink", "no --link with --shards"),
        ("apply fit list.csv --shards --encoder sample", "no --encoder with --shards"),
        ("embed photos --workers 3", "no --workers without --shards"),
        ("apply fit photos --id-column id", "no --id-column without --shards"),
    ],
)
def test_an_option_that_would_change_nothing_is_refused(tmp_path, capsys, words, says):
    assert main([*words.split(), "--output", str(tmp_path / "out")]) == 1
    assert says in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
