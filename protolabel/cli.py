"""The command line: embed, run, apply, evaluate, plot, demo."""

from __future__ import annotations

import argparse
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import protolabel
from protolabel.clustering.presets import PRESETS
from protolabel.common.wording import printable
from protolabel.errors import InputError, ProtolabelError, Stopped
from protolabel.evaluation.fit import DEFAULT_STRICTNESS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from protolabel.encoders.loading import Encoder
    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 when it went well, 1 when protolabel could not do it (the reason is on stderr), 130 when
        it was interrupted; argparse ends with 2 where the call itself is wrong.
    """
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except (KeyboardInterrupt, Stopped):
        print("\nStopped. Finished batches are kept; the same command goes on.", file=sys.stderr)
        return 130
    except ProtolabelError as error:
        print(f"protolabel: {error}", file=sys.stderr)
        return 1
    return 0


def _embed(options: argparse.Namespace) -> None:
    from protolabel.embedding.embed import embed_images
    from protolabel.images.image_set import find_images

    images = find_images(options.images)
    embedded = embed_images(
        images,
        _encoder(options),
        store=options.output,
        batch_size=options.batch_size,
        dtype=options.dtype,
    )
    embedded.save(options.output)
    count, dim = embedded.vectors.shape
    print(f"{count} images, {dim} dimensions, {embedded.encoder.name}")
    _print_skipped(embedded.images.skipped)
    print(f"Wrote embeddings.npy, image_paths.txt and embeddings.json in {options.output}/")


def _run(options: argparse.Namespace) -> None:
    from protolabel.embedding.embed import load_embeddings
    from protolabel.session.session import Session

    if (options.images is None) == (options.embeddings is None):
        raise InputError(
            "Expected either a folder of images or --embeddings FILE (with --image-paths FILE); "
            "see protolabel run --help."
        )
    source: Any = options.images
    if options.embeddings is not None:
        source = load_embeddings(options.embeddings, options.image_paths)
    settings = {
        name: getattr(options, name)
        for name in ("temperature", "iterations", "preset", "method", "seed", "none_of_these")
    }
    if options.vocabulary is not None:
        settings["vocabulary"] = _words(options.vocabulary)
    if options.templates is not None:
        settings["templates"] = options.templates
    session = Session(
        source,
        _class_names(options.classes),
        encoder=options.encoder,
        pretrained=options.pretrained,
        device=options.device,
        store=options.store,
        visual=_visual(options),
        **settings,
    )
    session.export(
        options.output,
        formats=options.formats,
        link=options.link,
        overwrite=options.overwrite,
    )
    _print_labels(session.labels)
    _print_findings(session)
    if options.none_of_these is not None or options.vocabulary is not None:
        _print_missing(session)
    _print_skipped(session.embeddings.images.skipped)
    print(f"Wrote {options.output}/ (start with report.txt)")


def _apply(options: argparse.Namespace) -> None:
    from protolabel.embedding.embed import embed_images
    from protolabel.embedding.visual import embed_visual
    from protolabel.encoders.loading import EncoderInfo
    from protolabel.exporting import check_export, export, read_metadata
    from protolabel.images.image_set import find_images
    from protolabel.refinement.classifier import PrototypeClassifier

    about = read_metadata(options.dataset)
    saved = Path(options.dataset) / "classifier.npz"
    if not saved.is_file():
        raise InputError(
            f"{options.dataset!r} holds no classifier.npz: it was written without the format "
            '"prototypes". Run again with it among --formats.'
        )
    classifier = PrototypeClassifier.load(saved)
    images = find_images(options.images)
    check_export(images, options.output, link=options.link, overwrite=options.overwrite)
    if options.encoder is None and about["encoder"] is not None:
        encoder = EncoderInfo.from_dict(about["encoder"]).load(device=options.device)
    else:
        encoder = _encoder(options)
    embedded = embed_images(images, encoder, store=_store(options, images.root, encoder))
    visual = None
    if classifier.model_.visual_dim:
        source = _visual(options) or _recorded_visual(about, options)
        visual = embed_visual(source, embedded.images, store=options.store, device=options.device)
    labels = classifier.label(embedded.vectors, None if visual is None else visual.vectors)
    export(
        labels,
        embedded,
        options.output,
        visual_encoder=None if visual is None else visual.encoder,
        link=options.link,
        overwrite=options.overwrite,
        parameters={"applied": str(Path(options.dataset).resolve())},
    )
    _print_labels(labels)
    _print_skipped(embedded.images.skipped)
    print(f"Wrote {options.output}/ with the prototypes of {options.dataset}")


def _evaluate(options: argparse.Namespace) -> None:
    from protolabel.exporting import evaluate_dataset

    evaluation, sources = evaluate_dataset(options.dataset, options.truth)
    print(evaluation)
    if len(evaluation.wrong):
        print(f"\nWrong labels, the most certain first ({len(evaluation.wrong):,} in all):")
    for one in evaluation.wrong[: options.wrong].tolist():
        label, true = (evaluation.names[x[one]] for x in (evaluation.label, evaluation.true))
        print(f"  {label}, but it is {true}: {printable(sources[one])}")


def _formats(_: argparse.Namespace) -> None:
    from protolabel.exporting import describe_formats

    print(describe_formats())


def _plot(options: argparse.Namespace) -> None:
    from protolabel.plots import save_plots

    for path in save_plots(options.dataset, options.output):
        print(path)


def _demo(options: argparse.Namespace) -> None:
    from protolabel.demo import run_demo

    run_demo(Path(options.output), per_class=options.per_class, seed=options.seed, say=print)


def _encoder(options: argparse.Namespace) -> Encoder:
    from protolabel.encoders.loading import DEFAULT_MODEL, load_encoder

    return load_encoder(options.encoder or DEFAULT_MODEL, options.pretrained, device=options.device)


def _visual(options: argparse.Namespace) -> Any:
    """Vectors on disk by their path, or the second encoder, loaded before anything is embedded."""
    from protolabel.embedding.visual import is_file
    from protolabel.encoders.loading import load_encoder

    if options.visual is None:
        if options.visual_pretrained is not None:
            raise InputError("Expected --visual NAME with --visual-pretrained: add it.")
        return None
    if is_file(options.visual):
        return Path(options.visual)
    return load_encoder(options.visual, options.visual_pretrained, device=options.device)


def _recorded_visual(about: Mapping[str, Any], options: argparse.Namespace) -> Encoder:
    from protolabel.encoders.loading import EncoderInfo
    from protolabel.errors import EncoderError

    try:
        return EncoderInfo.from_dict(about["visual_encoder"]).load(device=options.device)
    except EncoderError as error:
        raise InputError(
            f"Expected visual vectors of the new images, as {options.dataset!r} was made with "
            f"them: pass --visual NAME or FILE.npy. ({error})"
        ) from error


def _class_names(given: list[str]) -> list[str]:
    # "Washington, D.C." may be a class among others; alone it is a list in the wrong form.
    if any(name.endswith(",") for name in given) or (len(given) == 1 and "," in given[0]):
        meant = [one for name in given for one in re.split(r"\s*,\s*", name.strip()) if one]
        raise InputError(
            f"Class names are separated by spaces, got {' '.join(given)!r} with a comma: write "
            f"--classes {shlex.join(meant)}"
        )
    return given


def _store(options: argparse.Namespace, root: Path, encoder: Encoder) -> Path:
    from protolabel.embedding.cache import cache_folder

    return Path(options.store) if options.store else cache_folder(root, encoder.name)


def _print_labels(labels: Labels) -> None:
    width = max(len(name) for name in labels.names)
    for index, (name, count) in enumerate(zip(labels.names, labels.counts, strict=True)):
        inside = labels.label == index
        agreement = f"agreement {labels.agreement[inside].mean():.2f}" if count else ""
        print(f"  {name:<{width}}  {count:>7}  {agreement}")


def _print_findings(session: Session) -> None:
    for finding in session.diagnostics.findings:
        print(f"  {finding.severity}: {finding.text}")


def _print_missing(session: Session) -> None:
    for one in session.missing_names():
        words = ", ".join(word for word, _ in one.suggestions)
        print(
            f"  note: {len(one)} images that are alike fit no name (the nearest is {one.label})"
            + (f"; perhaps: {words}" if words else "")
        )


def _words(file: str) -> list[str]:
    try:
        lines = Path(file).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"Expected a text file with one word a line, got {file!r}: {error}."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _print_skipped(skipped: Sequence[Any]) -> None:
    if not skipped:
        return
    print(f"Skipped {len(skipped)} files that are no readable images:")
    for entry in skipped[:5]:
        print(f"  {entry.name!r}: {entry.reason}")
    if len(skipped) > 5:
        print(f"  and {len(skipped) - 5} more")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="protolabel",
        description="A folder of images and the names of some classes in, a labelled dataset out.",
    )
    parser.add_argument("--version", action="version", version=protolabel.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    embed = _command(commands, "embed", _embed, "turn images into vectors, to be used again")
    embed.add_argument("images", help="folder of images")
    embed.add_argument("--output", required=True, metavar="FOLDER", help="where the vectors go")
    embed.add_argument("--batch-size", type=int, default=64, metavar="N", help="images at a time")
    embed.add_argument("--dtype", choices=("float32", "float16"), default="float32")
    _add_encoder(embed)

    run = _command(commands, "run", _run, "label images and write the dataset")
    run.add_argument("images", nargs="?", help="folder of images")
    run.add_argument("--embeddings", metavar="FILE", help="vectors made before, instead of images")
    run.add_argument("--image-paths", metavar="FILE", help="one path a line, a line per vector")
    run.add_argument("--classes", nargs="+", required=True, metavar="NAME", help="class names")
    run.add_argument("--templates", nargs="+", metavar="TEXT", help="prompts, {} for the name")
    run.add_argument("--temperature", type=float, default=0.1, help="0.05 sharp to 0.3 soft")
    run.add_argument("--iterations", type=int, default=5, help="passes of the loop; 0: zero-shot")
    run.add_argument("--method", choices=("anchored", "plain"), default="anchored")
    run.add_argument(
        "--preset", choices=tuple(PRESETS), help="by default by the size of the folder"
    )
    run.add_argument("--seed", type=int, default=0)
    run.add_argument(
        "--none-of-these", nargs="?", type=float, const=DEFAULT_STRICTNESS, metavar="STRICTNESS",
        help="set images aside that fit no name: 0 (nobody) to 1, by itself "
        f"{DEFAULT_STRICTNESS:g}",
    )  # fmt: skip
    run.add_argument(
        "--vocabulary", metavar="FILE", help="a word a line: names that may be missing"
    )
    run.add_argument(
        "--formats", nargs="+", metavar="NAME", help="what to write; see protolabel formats"
    )
    _add_encoder(run)
    _add_visual(run)
    _add_dataset(run)

    apply = _command(commands, "apply", _apply, "label new images with a dataset's prototypes")
    apply.add_argument("dataset", help="folder that protolabel run wrote")
    apply.add_argument("images", help="folder of new images")
    _add_encoder(apply)
    _add_visual(apply)
    _add_dataset(apply)

    check = _command(commands, "evaluate", _evaluate, "compare a dataset's labels with the truth")
    check.add_argument("dataset", help="folder that protolabel run wrote")
    check.add_argument(
        "truth", help="class folders, or a CSV file with columns image and truth; a part is enough"
    )
    check.add_argument("--wrong", type=int, default=20, metavar="N", help="wrong labels to list")

    _command(commands, "formats", _formats, "list the formats that --formats takes")

    plot = _command(commands, "plot", _plot, "pictures of a dataset: counts, agreement, map")
    plot.add_argument("dataset", help="folder that protolabel run wrote")
    plot.add_argument("--output", metavar="FOLDER", help="by default plots/ in the dataset")

    demo = _command(commands, "demo", _demo, "draw sample pictures and label them, offline")
    demo.add_argument("--output", default="protolabel_demo", metavar="FOLDER")
    demo.add_argument("--per-class", type=int, default=40, metavar="N", help="pictures per class")
    demo.add_argument("--seed", type=int, default=0)
    return parser


def _command(commands: Any, name: str, command: Any, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=about, description=about)
    parser.set_defaults(command=command)
    return parser


def _add_encoder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--encoder", metavar="NAME", help='an open_clip model, or "sample"')
    parser.add_argument("--pretrained", metavar="TAG|FILE", help="weights by tag, or a checkpoint")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda, mps")


def _add_visual(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--visual",
        metavar="NAME|FILE.npy",
        help="a second encoder (vit_small_patch14_dinov2), or its vectors, a row for each image",
    )
    parser.add_argument(
        "--visual-pretrained", metavar="TAG|FILE", help="weights of the second encoder"
    )


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where the dataset goes")
    parser.add_argument("--link", choices=("copy", "hardlink", "symlink"), default="copy")
    parser.add_argument("--overwrite", action="store_true", help="replace a dataset of protolabel")
    parser.add_argument("--store", metavar="FOLDER", help="keep vectors here, not in the cache")
