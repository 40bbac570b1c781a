"""The command line: demo, embed, suggest, run, apply, evaluate, audit, plot, formats.

A setting that is not on the command line keeps the default of `Session`.
"""

from __future__ import annotations

import argparse
import difflib
import io
import itertools
import os
import re
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import protolabel
from protolabel.clustering.presets import PRESETS
from protolabel.common.wording import columns, counted, padded, printable, truncated
from protolabel.errors import InputError, ProtolabelError, Stopped
from protolabel.evaluation.fit import DEFAULT_STRICTNESS
from protolabel.exporting.table import DEFAULT_BEST
from protolabel.exporting.transfer import LINKS
from protolabel.refinement.loop import METHODS
from protolabel.samples.encoder import DRAWINGS_ONLY, MODEL_NAME

if TYPE_CHECKING:
    from collections.abc import Sequence

    from protolabel.common.vectors import FloatArray
    from protolabel.encoders.base import Encoder
    from protolabel.refinement.classifier import PrototypeClassifier
    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session
    from protolabel.tables.runs import Summary

__all__ = ["main"]


_SOURCE = (
    "folder of images, or another source: an archive, a table of paths or URLs, a quoted pattern, "
    "a URL, or - to read paths from standard input"
)
_DATASET = "folder that protolabel run wrote"
_OR_TABLE = "; with --shards a table, a folder of tables, or the URL of one"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without the program's name; by default those of the process.

    Returns
    -------
    int
        0 on success, 1 if protolabel refuses or fails (the reason is on stderr), 130 if the
        command was interrupted; argparse exits with 2 if the call itself is wrong.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # a name that the console cannot show
    try:
        options = _parser().parse_args(arguments)
        options.command(options)
        sys.stdout.flush()
    except (KeyboardInterrupt, Stopped):
        print(
            "\nStopped. Finished batches are kept, and the same command goes on from there.",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough; Python would complain again at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ProtolabelError as error:
        print(f"protolabel: {error}", file=sys.stderr)
        return 1
    return 0


def _embed(options: argparse.Namespace) -> None:
    options.check(options)
    if options.shards:
        from protolabel.encoders.loading import DEFAULT_MODEL
        from protolabel.tables.runs import embed_table

        summary = embed_table(
            options.images,
            options.output,
            encoder=options.encoder or DEFAULT_MODEL,
            pretrained=options.pretrained,
            **_shard_options(options),
        )
        _print_summary(summary, options)
        return
    from protolabel.embedding.embed import embed_images
    from protolabel.images.sources.finding import find_images

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

    names = _class_names(options)
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
        for name in (
            "temperature", "iterations", "preset", "method", "seed", "none_of_these", "templates",
        )
        if getattr(options, name) is not None
    }  # fmt: skip
    if options.vocabulary is not None:
        settings["vocabulary"] = _lines(options.vocabulary)
    session = Session(
        source,
        names,
        encoder=options.encoder,
        pretrained=options.pretrained,
        device=options.device,
        store=options.store,
        visual=_visual(options),
        **settings,
    )
    written = session.export(
        options.output,
        formats=options.formats,
        link=options.link,
        groups=options.groups,
        overwrite=options.overwrite,
        best=options.best,
    )
    _print_labels(session.labels)
    _print_findings(session)
    if options.none_of_these is not None or options.vocabulary is not None:
        _print_missing(session)
    _print_skipped(session.embeddings.images.skipped)
    start = " (start with report.txt)" if "report" in written.formats else ""
    print(f"Wrote {Path(options.output)}/{start}")


def _suggest(options: argparse.Namespace) -> None:
    from protolabel.naming.sheet import write_sheet
    from protolabel.session.session import Session

    session = Session(
        options.images,
        options.classes,
        encoder=options.encoder,
        pretrained=options.pretrained,
        device=options.device,
        store=options.store,
        vocabulary=None if options.vocabulary is None else _lines(options.vocabulary),
        seed=options.seed,
    )
    found = session.suggest(options.count)
    if session.names:
        _print_missing(session)
        return
    print(found)
    _print_skipped(session.embeddings.images.skipped)
    others = [count for count in found.tree.counts if count != len(found)]
    if others:
        print(f"\nCoarser or finer: --count {others[0]} to {others[-1]}")
    if options.sheet is not None:
        write_sheet(options.sheet, found, session.embeddings.images)
        print(f"Wrote {options.sheet} with pictures of every group")
    if found.names:
        call = ["protolabel", "run", options.images, "--classes", *found.names]
        call += ["--encoder", options.encoder] if options.encoder else []
        print(f"To label the folder with these names:\n  {shlex.join(call)} --output FOLDER")


def _apply(options: argparse.Namespace) -> None:
    options.check(options)
    if options.shards:
        from protolabel.tables.runs import apply_table

        summary = apply_table(
            options.dataset,
            options.images,
            options.output,
            none_of_these=options.none_of_these,
            **_shard_options(options),
        )
        _print_summary(summary, options)
        return
    from protolabel.common.progress import resolve
    from protolabel.embedding.embed import embed_images
    from protolabel.embedding.visual import embed_visual
    from protolabel.encoders.loading import load_encoder
    from protolabel.exporting import check_export, export
    from protolabel.images.sources.finding import find_images
    from protolabel.tables.fitting import read_fitted

    known = read_fitted(options.dataset)
    classifier = known.classifier
    images = find_images(options.images)
    check_export(images, options.output, link=options.link, groups=options.groups,
                 overwrite=options.overwrite)  # fmt: skip
    if options.encoder is None and known.encoder is not None:
        encoder = load_encoder(known.encoder, device=options.device)
    else:
        encoder = _encoder(options)
    embedded = embed_images(images, encoder, store=_store(options, images.root, encoder))
    visual = None
    if classifier.model_.visual_dim:
        source = _visual(options) or _recorded_visual(options)
        visual = embed_visual(source, embedded.images, store=options.store, device=options.device)
    richer, labels = classifier.join(
        embedded.vectors, None if visual is None else visual.vectors, progress=resolve(None)
    )
    strictness = options.none_of_these
    if strictness is None:
        strictness = known.strictness
    if strictness is not None:
        labels = _set_aside(labels, embedded.vectors, classifier, strictness)
    export(
        labels,
        embedded,
        options.output,
        visual_encoder=None if visual is None else visual.encoder,
        classifier=richer,
        link=options.link,
        groups=options.groups,
        overwrite=options.overwrite,
        best=options.best,
        parameters={"applied": str(Path(options.dataset).resolve()), "none_of_these": strictness},
    )
    _print_labels(labels)
    _print_skipped(embedded.images.skipped)
    print(f"Wrote {Path(options.output)}/ with the prototypes of {options.dataset}")


def _set_aside(
    labels: Labels, vectors: FloatArray, classifier: PrototypeClassifier, strictness: float
) -> Labels:
    from protolabel.evaluation.fit import RememberedFit

    if classifier.memory_ is None:
        raise InputError(
            "Expected a classifier that remembers images with --none-of-these, got one without, "
            "from zero-shot labels, the plain loop or an earlier version: run again."
        )
    fit = RememberedFit.of(classifier.memory_, classifier.model_).measure(labels, vectors)
    return labels.set_aside(fit.unfit(strictness))


def _fit(options: argparse.Namespace) -> None:
    from protolabel.tables.fitting import fit_table

    given = {
        name: getattr(options, name)
        for name in ("templates", "temperature", "iterations", "sample", "seed")
        if getattr(options, name) is not None
    }
    labels = fit_table(
        options.vectors,
        _lines(options.classes_file) if options.classes_file else options.classes,
        options.output,
        encoder=options.encoder,
        pretrained=options.pretrained,
        device=options.device,
        image_column=options.image_column,
        id_column=options.id_column,
        **given,
    )
    _print_labels(labels)
    fitted = shlex.quote(options.output)
    print(f"Wrote {options.output}/; label with: protolabel apply {fitted} IMAGES --output FOLDER")


def _labels(options: argparse.Namespace) -> None:
    from protolabel.tables.labels import export_labels

    rows = export_labels(options.shards, options.output)
    print(f"Wrote {counted(rows, 'row')} in {options.output}")


def _print_summary(summary: Summary, options: argparse.Namespace) -> None:
    print(f"{summary}\nWrote shards in {options.output}/")
    if summary.errors and not options.retry_errors:
        print("To try the rows without a result again: the same command with --retry-errors.")


def _shard_options(options: argparse.Namespace) -> dict[str, Any]:
    return {
        "device": options.device,
        "image_column": options.image_column,
        "id_column": options.id_column,
        "workers": options.workers,
        "gpus": options.gpus,
        "retry": options.retry_errors,
    }


def _evaluate(options: argparse.Namespace) -> None:
    from protolabel.exporting import evaluate_dataset

    evaluation, sources = evaluate_dataset(options.dataset, options.truth)
    print(evaluation)
    if len(evaluation.wrong):
        print(f"\nWrong labels, the most certain first ({len(evaluation.wrong):,} in all):")
    for image in evaluation.wrong[: options.wrong].tolist():
        label = evaluation.names[evaluation.label[image]]
        true = evaluation.names[evaluation.true[image]]
        print(f"  {label}, but it is {true}: {printable(sources[image])}")


def _formats(_: argparse.Namespace) -> None:
    from protolabel.exporting import describe_formats

    print(describe_formats())


def _audit(options: argparse.Namespace) -> None:
    from protolabel.exporting import read_audit, record_audit, write_audit

    if options.answers is not None:
        estimate = read_audit(options.dataset, options.answers)
        if estimate.checked:
            record_audit(options.dataset, estimate)
        print(estimate)
        return
    beside = Path(options.dataset).expanduser().resolve()
    output = options.output or beside.with_name(f"{beside.name}_audit")
    table, sheet = write_audit(options.dataset, output, options.images, seed=options.seed)
    print(f"Look at {sheet} and fill in the column truth of {table}, then run:")
    print(f"  protolabel audit {shlex.quote(options.dataset)} --answers {shlex.quote(str(table))}")


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
    """Return vectors on disk by their path, or load the second encoder before embedding starts."""
    from protolabel.embedding.visual import is_file
    from protolabel.encoders.loading import load_encoder

    if options.visual is None:
        if options.visual_pretrained is not None:
            raise InputError("Expected --visual NAME with --visual-pretrained: add it.")
        return None
    if is_file(options.visual):
        return Path(options.visual)
    return load_encoder(options.visual, options.visual_pretrained, device=options.device)


def _recorded_visual(options: argparse.Namespace) -> Encoder:
    from protolabel.encoders.base import EncoderInfo
    from protolabel.encoders.loading import load_encoder
    from protolabel.errors import EncoderError
    from protolabel.exporting import read_metadata

    try:
        recorded = EncoderInfo.from_dict(read_metadata(options.dataset)["visual_encoder"])
        return load_encoder(recorded, device=options.device)
    except EncoderError as error:
        raise InputError(
            f"Expected visual vectors of the new images, as {options.dataset!r} was made with "
            f"them: pass --visual NAME or FILE.npy. ({error})"
        ) from error


def _class_names(options: argparse.Namespace) -> list[str]:
    """Return the class names of the call, after a check for files, folders and commas."""
    if options.classes_file is not None:
        return _lines(options.classes_file)
    given: list[str] = options.classes
    for name in given:
        if Path(name).is_file():
            raise InputError(
                f"Expected class names, got the file {name!r}: pass --classes-file "
                f"{shlex.quote(name)} if it lists one name a line."
            )
        if name.endswith(("/", os.sep)) or (_no_source(options) and Path(name).is_dir()):
            raise InputError(
                f"Expected class names, got the folder {name!r}: write the folder of images "
                "before --classes."
            )
        if Path(name).is_dir():
            print(
                f"note: {printable(name)} is taken for a class name; a folder has that name too",
                file=sys.stderr,
            )
    # "Washington, D.C." may be a class among others; alone it is a list in the wrong form.
    if any(name.endswith(",") for name in given) or (len(given) == 1 and "," in given[0]):
        parts = [part for name in given for part in re.split(r"\s*,\s*", name.strip()) if part]
        raise InputError(
            f"Expected class names separated by spaces, got {' '.join(given)!r}: write "
            f"--classes {shlex.join(parts)}"
        )
    return given


def _no_source(options: argparse.Namespace) -> bool:
    return options.images is None and options.embeddings is None


def _store(options: argparse.Namespace, root: Path, encoder: Encoder) -> Path:
    from protolabel.embedding.cache import cache_folder

    return Path(options.store) if options.store else cache_folder(root, encoder.name)


def _print_labels(labels: Labels) -> None:
    names = [truncated(name, 40) for name in labels.names]
    width = max(columns(name) for name in names)
    for index, (name, count) in enumerate(zip(names, labels.counts, strict=True)):
        inside = labels.label == index
        agreement = f"  agreement {labels.agreement[inside].mean():.2f}" if count else ""
        print(f"  {padded(name, width)}  {count:>7}{agreement}")


def _print_findings(session: Session) -> None:
    for finding in session.diagnostics.findings:
        print(f"  {finding.severity}: {finding.text}")
    if session.embeddings.encoder.name == MODEL_NAME:
        print(f"  note: {DRAWINGS_ONLY}")


def _print_missing(session: Session) -> None:
    for group in session.missing_names():
        words = ", ".join(word for word, _ in group.suggestions)
        print(
            f"  note: {len(group)} similar images fit no name (the nearest is {group.label})"
            + (f"; perhaps: {words}" if words else "")
        )


def _lines(file: str) -> list[str]:
    try:
        lines = Path(file).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        why = getattr(error, "strerror", None) or "it is not UTF-8 text"
        raise InputError(
            f"Expected a text file with one name a line, got {file!r} ({why}): check the file."
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _print_skipped(skipped: Sequence[Any]) -> None:
    if not skipped:
        return
    print(f"Skipped {counted(len(skipped), 'file')} that cannot be read as images:")
    for entry in skipped[:5]:
        print(f"  {entry.name!r}: {entry.reason}")
    if len(skipped) > 5:
        print(f"  and {len(skipped) - 5} more")


class _Parser(argparse.ArgumentParser):
    """A parser that names a misspelt option before it asks for the option that is then missing."""

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        given = list(sys.argv[1:] if args is None else args)
        ours = (lambda a: a.startswith("-")) if self._subparsers else (lambda a: a != "--")
        for option in itertools.takewhile(ours, given):  # beyond a command, they are the command's
            self._check(option.partition("=")[0])
        return super().parse_known_args(given, namespace)

    def _check(self, given: str) -> None:
        known = self._option_string_actions
        dashes = re.match("--?(?=[A-Za-z])", given)
        if not dashes or " " in given or any(option.startswith(given) for option in known):
            return
        near = difflib.get_close_matches(f"--{given[dashes.end() :]}".lower(), known, n=1)
        advice = f"did you mean {near[0]}?" if near else f"see {self.prog} --help"
        self.error(f"unknown option {given}: {advice}")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="protolabel",
        description="Turn a folder of unlabelled images and a list of class names into a "
        "labelled dataset.",
    )
    parser.add_argument("--version", action="version", version=protolabel.__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for add in (
        _add_demo, _add_embed, _add_suggest, _add_run, _add_fit, _add_apply, _add_labels,
        _add_evaluate, _add_audit, _add_plot, _add_formats,
    ):  # fmt: skip
        add(commands)
    return parser


def _add_demo(commands: Any) -> None:
    demo = _command(commands, "demo", _demo, "Draw sample pictures and label them, offline.")
    demo.add_argument(
        "--output", default="protolabel_demo", metavar="FOLDER",
        help="folder to write to (default: protolabel_demo)",
    )  # fmt: skip
    demo.add_argument(
        "--per-class", type=int, default=40, metavar="N", help="pictures per class (default: 40)"
    )
    demo.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the drawings (default: 0)"
    )


def _add_embed(commands: Any) -> None:
    from protolabel.embedding.embed import DTYPES

    embed = _command(commands, "embed", _embed, "Embed images once, for later runs.")
    embed.add_argument("images", help=_SOURCE + _OR_TABLE)
    embed.add_argument(
        "--output", required=True, metavar="FOLDER", help="folder to write the vectors to"
    )
    embed.add_argument(
        "--batch-size", type=int, default=64, metavar="N", help="images per batch (default: 64)"
    )
    embed.add_argument(
        "--dtype", choices=DTYPES, default="float32", help="type of the vectors (default: float32)"
    )
    _add_shards(embed, "batch_size", "dtype")
    _add_encoder(embed)


def _add_suggest(commands: Any) -> None:
    suggest = _command(
        commands, "suggest", _suggest, "Suggest class names for images that nobody has named."
    )
    suggest.add_argument("images", help=_SOURCE)
    suggest.add_argument(
        "--count", type=int, metavar="N",
        help="number of groups: few is coarse, many is fine (default: what fits the images best)",
    )  # fmt: skip
    suggest.add_argument(
        "--vocabulary", metavar="FILE",
        help="text file with the words to choose from (default: everyday words)",
    )  # fmt: skip
    suggest.add_argument(
        "--classes", nargs="+", metavar="NAME",
        help="names that you have: list groups of images that fit none of them",
    )  # fmt: skip
    suggest.add_argument("--sheet", metavar="FILE.html", help="write a page with pictures")
    suggest.add_argument("--seed", type=int, default=0, metavar="N", help="seed of the groups")
    suggest.add_argument(
        "--store", metavar="FOLDER", help="keep vectors in this folder (default: your cache)"
    )
    _add_encoder(suggest)


def _add_run(commands: Any) -> None:
    run = _command(commands, "run", _run, "Label images and write the dataset.")
    run.add_argument("images", nargs="?", help=_SOURCE)
    run.add_argument(
        "--embeddings", metavar="FILE", help="use these vectors, for example of protolabel embed"
    )
    run.add_argument(
        "--image-paths", metavar="FILE", help="text file with one path a line, one for each vector"
    )
    classes = run.add_mutually_exclusive_group(required=True)
    classes.add_argument("--classes", nargs="+", metavar="NAME", help="class names")
    classes.add_argument(
        "--classes-file", metavar="FILE", help="text file with one class name a line"
    )
    run.add_argument(
        "--templates", nargs="+", metavar="TEXT",
        help='sentences for the text encoder, with {} for the name: "a photo of a {}"',
    )  # fmt: skip
    run.add_argument(
        "--temperature", type=float, metavar="X",
        help="from 0.05 (sharp decisions) to 0.3 (soft)",
    )  # fmt: skip
    run.add_argument(
        "--iterations", type=int, metavar="N", help="iterations of the loop; 0 is zero-shot"
    )
    run.add_argument("--method", choices=METHODS, help="the loop that refines the labels")
    run.add_argument(
        "--preset", choices=tuple(PRESETS), help="cluster sizes (default: by the number of images)"
    )
    run.add_argument("--seed", type=int, metavar="N", help="seed of clusters, map and splits")
    _add_none(run)
    run.add_argument(
        "--vocabulary", metavar="FILE", help="text file with words that may be missing class names"
    )
    run.add_argument(
        "--formats", nargs="+", metavar="NAME",
        help="formats to write (see protolabel formats)",
    )  # fmt: skip
    _add_encoder(run)
    _add_visual(run)
    _add_dataset(run)


def _add_apply(commands: Any) -> None:
    apply = _command(
        commands, "apply", _apply, "Label new images with the prototypes of a dataset."
    )
    apply.add_argument("dataset", help="folder that protolabel run or protolabel fit wrote")
    apply.add_argument("images", help=_SOURCE + _OR_TABLE)
    _add_none(apply)
    _add_shards(
        apply, "encoder", "pretrained", "visual", "visual_pretrained", "link", "groups",
        "overwrite", "best", "store",
    )  # fmt: skip
    _add_encoder(apply)
    _add_visual(apply)
    _add_dataset(apply)


def _add_evaluate(commands: Any) -> None:
    check = _command(
        commands, "evaluate", _evaluate, "Compare the labels of a dataset with the truth."
    )
    check.add_argument("dataset", help=_DATASET)
    check.add_argument(
        "truth",
        help="class folders, or a CSV file with the columns image and truth; it may cover only "
        "some of the images",
    )
    check.add_argument(
        "--wrong", type=int, default=20, metavar="N", help="wrong labels to list (default: 20)"
    )


def _add_audit(commands: Any) -> None:
    audit = _command(
        commands, "audit", _audit, "Estimate how many labels are right, from a random sample."
    )
    audit.add_argument("dataset", help=_DATASET)
    audit.add_argument(
        "--images", type=int, default=40, metavar="N", help="images to check (default: 40)"
    )
    audit.add_argument(
        "--seed", type=int, default=0, metavar="N", help="seed of the sample (default: 0)"
    )
    audit.add_argument(
        "--output", metavar="FOLDER",
        help="folder for the contact sheet and audit.csv (default: DATASET_audit)",
    )  # fmt: skip
    audit.add_argument(
        "--answers", metavar="FILE", help="audit.csv with your answers, all or some of them"
    )


def _add_plot(commands: Any) -> None:
    plot = _command(
        commands, "plot", _plot, "Draw the counts, agreement, map and convergence of a dataset."
    )
    plot.add_argument("dataset", help=_DATASET)
    plot.add_argument(
        "--output", metavar="FOLDER", help="folder for the pictures (default: DATASET_plots)"
    )


def _add_formats(commands: Any) -> None:
    _command(commands, "formats", _formats, "List the formats that a dataset can be written in.")


def _command(commands: Any, name: str, command: Any, about: str) -> argparse.ArgumentParser:
    summary = about[0].lower() + about[1:].removesuffix(".")
    parser: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=about)
    parser.set_defaults(command=command)
    return parser


def _add_fit(commands: Any) -> None:
    fit = _command(
        commands, "fit", _fit, "Fit the loop to a sample of a table of vectors, for apply."
    )
    fit.add_argument("vectors", help="shards of protolabel embed, or another table of vectors")
    classes = fit.add_mutually_exclusive_group(required=True)
    classes.add_argument("--classes", nargs="+", metavar="NAME", help="class names")
    classes.add_argument(
        "--classes-file", metavar="FILE", help="text file with one class name a line"
    )
    fit.add_argument("--output", required=True, metavar="FOLDER", help="folder for the classifier")
    fit.add_argument(
        "--sample", type=int, metavar="N", help="the most vectors to fit to (default: 1,000,000)"
    )
    fit.add_argument("--templates", nargs="+", metavar="TEXT", help="as for protolabel run")
    fit.add_argument("--temperature", type=float, metavar="X", help="as for protolabel run")
    fit.add_argument("--iterations", type=int, metavar="N", help="as for protolabel run")
    fit.add_argument("--seed", type=int, metavar="N", help="seed of the sample and the clusters")
    _add_columns(fit)
    _add_encoder(fit)


def _add_labels(commands: Any) -> None:
    labels = _command(commands, "labels", _labels, "Write the labels of a table to one file.")
    labels.add_argument("shards", help="folder or URL that protolabel apply --shards wrote to")
    labels.add_argument("--output", required=True, metavar="FILE", help="a .csv or .parquet file")


def _add_shards(parser: argparse.ArgumentParser, *of_folders: str) -> None:
    """Add the options of tables; those of folders alone are refused with ``--shards``."""
    of_tables = ("image_column", "id_column", "workers", "gpus", "retry_errors")

    def check(options: argparse.Namespace) -> None:
        names, how = (of_folders, "with") if options.shards else (of_tables, "without")
        for name in names:
            if getattr(options, name) != parser.get_default(name):
                flag = f"--{name.replace('_', '-')}"
                raise InputError(
                    f"Expected no {flag} {how} --shards, got {getattr(options, name)!r}: it would "
                    f"change nothing, so leave {flag} out."
                )

    parser.set_defaults(check=check)
    parser.add_argument(
        "--shards", action="store_true",
        help="read a table with Daft and write Parquet shards, for more than fits one machine",
    )  # fmt: skip
    _add_columns(parser)
    parser.add_argument(
        "--workers", type=int, metavar="N",
        help="with --shards: processes that load the model (default: 1, or one for each node or "
        "GPU of a Ray cluster)",
    )  # fmt: skip
    parser.add_argument(
        "--gpus", type=float, metavar="N",
        help="with --shards: GPUs of each worker, 0.25 if four are to share one (default: 1, or 0 "
        "where there is none)",
    )  # fmt: skip
    parser.add_argument(
        "--retry-errors", action="store_true", help="with --shards: try unreadable images again"
    )


def _add_columns(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--image-column", metavar="NAME",
        help="column of a table with images or vectors (default: path, image, url, vector or the "
        "like)",
    )  # fmt: skip
    parser.add_argument(
        "--id-column", metavar="NAME",
        help="column of a table that identifies an image (default: id, key or the like, else the "
        "path)",
    )  # fmt: skip


def _add_none(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--none-of-these", nargs="?", type=float, const=DEFAULT_STRICTNESS, metavar="STRICTNESS",
        help="set aside images that fit no name: 0 (none) to 1 (most), "
        f"{DEFAULT_STRICTNESS:g} if no number is given",
    )  # fmt: skip


def _add_encoder(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--encoder", metavar="NAME", help='an open_clip model, or "sample" for drawn pictures'
    )
    parser.add_argument(
        "--pretrained", metavar="TAG|FILE", help="a tag of open_clip, or a local checkpoint"
    )
    parser.add_argument("--device", default="auto", help="auto (default), cpu, cuda or mps")


def _add_visual(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--visual",
        metavar="NAME|FILE.npy",
        help="a second encoder, such as vit_small_patch14_dinov2, or its vectors, one row per "
        "image",
    )
    parser.add_argument(
        "--visual-pretrained", metavar="TAG|FILE", help="weights of the second encoder"
    )


def _add_dataset(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--output", required=True, metavar="FOLDER", help="folder to write the dataset to"
    )
    parser.add_argument(
        "--link", choices=LINKS, default=LINKS[0],
        help=f"how images get into the dataset (default: {LINKS[0]})",
    )  # fmt: skip
    parser.add_argument(
        "--groups", metavar="PATTERN",
        help="regular expression on file names: images with the same match stay in one split",
    )  # fmt: skip
    parser.add_argument(
        "--best", type=int, default=DEFAULT_BEST, metavar="K",
        help=f"best classes of each image in the tables, 1 to 5 (default: {DEFAULT_BEST})",
    )  # fmt: skip
    parser.add_argument(
        "--overwrite", action="store_true", help="replace an earlier dataset of protolabel"
    )
    parser.add_argument(
        "--store", metavar="FOLDER", help="keep vectors in this folder (default: your cache)"
    )
