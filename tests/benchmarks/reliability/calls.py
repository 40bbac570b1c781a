"""Every public function, class and method with anything as its arguments: it works or refuses.

Each call starts from arguments that are right; hypothesis then puts other values in the place of
some of them: other types, empty, NaN, huge, of another length, or right ones of another argument.
"""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import io
import os
import signal
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis.strategies as st
import matplotlib.pyplot as plt
import numpy as np
import torch
from hypothesis import HealthCheck, Phase, given, settings
from PIL import Image
from small_world import NAMES, ColourEncoder, make_photos, make_session
from tally import Tally

import protolabel as pl
from protolabel import evaluation, exporting, naming, plots, tables
from protolabel.common.progress import silent

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Subject = tuple["Callable[..., Any]", "Callable[[], dict[str, Any]]"]
"""A call, and what returns arguments that are right for it."""

CALLS = 60  # of each subject
_PATIENCE = 30  # seconds for one call
_STARTING = 300  # for one that starts processes, each of which imports PyTorch
_ROOMS = (
    "images", "samples", "encoders", "embedding", "clustering", "refinement", "evaluation",
    "exporting", "plots", "session", "naming", "tables",
)  # fmt: skip
_MADE = {
    "AuditEstimate", "ClassEstimate", "Column", "Comparison", "Correction", "Diagnostics",
    "Evaluation", "ExportJob", "ExportResult", "Finding", "Fit", "Found", "Group", "ImageLookup",
    "Labels", "MissingName", "NameTree", "Refinement", "Run", "RunHistory", "SampleModel",
    "SamplePictures", "SampleTokenizer", "SavedCorrections", "SideScore", "Style", "Suggestions",
    "Summary", "TemperatureSweep", "TorchDataset", "Writer", "records", "report_text",
}  # fmt: skip
"""What calls return, and what only writers get: people look at them and make none."""


class _EndlessError(BaseException):
    """A call that took too long."""


def run(work: Path, rounds: float, seed: int, keep: Path | None) -> Iterator[Tally]:
    """Yield one count for the functions of each room and one for the session."""
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    sys.stdin = io.StringIO()  # "-" stands for paths on standard input
    work.mkdir(parents=True)
    os.chdir(work)
    subjects = _subjects(work)
    tallies: dict[str, Tally] = {}
    for name, (call, right) in subjects.items():
        room = name.partition(".")[0]
        tally = tallies.setdefault(room, Tally(f"calls: {room}"))
        _try(tally, name, (call, right), max(3, round(CALLS * rounds)), seed)
    listed = tallies.setdefault("session", Tally("calls: session"))
    for missing in sorted(_public() - {name.partition(".")[2] for name in subjects}):
        listed.tried += 1
        listed.differences += 1
        listed.note(f"public, and not called: {missing}")
    yield from tallies.values()


def _public() -> set[str]:
    names = set()
    for room in _ROOMS:
        module = importlib.import_module(f"protolabel.{room}")
        for name in module.__all__:
            value = getattr(module, name)
            protocol = getattr(value, "_is_protocol", False)
            if callable(value) and not protocol and inspect.getmodule(value) is not None:
                names.add(name)
    names |= {f"Session.{name}" for name in vars(pl.Session) if not name.startswith("_")}
    stages = {name for name in names if name.startswith("Session.")}
    left_out = {name for name in stages if not callable(getattr(pl.Session, name[8:], None))}
    return names - left_out - _MADE - {"Session.trait_events", "Session.pin_audited"}


def _try(tally: Tally, name: str, subject: Subject, count: int, seed: int) -> None:
    call, right = subject
    keys = list(right())
    strange = _strange(right())
    patience = _STARTING if name.startswith("tables.") else _PATIENCE

    @settings(
        max_examples=count, deadline=None, database=None, derandomize=seed == 0,
        suppress_health_check=list(HealthCheck), phases=[Phase.generate],
    )  # fmt: skip
    @given(st.data())
    def once(data: st.DataObject) -> None:
        replaced = (
            data.draw(st.lists(st.sampled_from(keys), unique=True, max_size=2)) if keys else []
        )
        changed = {key: data.draw(strange) for key in replaced}
        shown = {key: _short(value) for key, value in changed.items()}
        try:
            with tally.attempt(f"{name} {shown}"), _limited(patience):
                _used(call(**{**right(), **changed}))
        except _EndlessError:
            tally.crashes += 1
            tally.note(f"no end: {name} {shown}")
        plt.close("all")

    once()


@contextmanager
def _limited(seconds: int) -> Iterator[None]:
    def ring(*_: Any) -> None:
        raise _EndlessError

    signal.signal(signal.SIGALRM, ring)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


def _short(value: Any) -> str:
    if isinstance(value, np.ndarray):
        return f"array {value.shape} {value.dtype}"
    text = repr(value)
    return text if len(text) < 50 else f"{text[:47]}..."


def _used(value: Any) -> None:
    """Look at a result as a person does: what is computed late is computed now."""
    if isinstance(value, pl.Session):
        _ = value.labels, repr(value)
    elif isinstance(value, pl.Embeddings):
        _ = repr(value), len(value), value.unit
    elif isinstance(value, pl.Labels | pl.Refinement | pl.Clusters | pl.KnnGraph | pl.ClassVectors):
        repr(value)


def _strange(right: dict[str, Any]) -> st.SearchStrategy[Any]:
    words = ["", " ", "dog", "red", "\0", "a\nb", "..", "x" * 300, "~absent/x", "hf-hub:", "-",
             "s3://a/b", "*", "[", "\udcff", "\u202e", "1"]  # fmt: skip
    numbers = [0, 1, -1, 2, 3, 7, -7, 2**31, 2**63, 2**70, -(2**70), 0.0, 0.5, -0.5, 1.5, 1e-300,
               1e300, float("nan"), float("inf"), -float("inf"), True, False, 1j]  # fmt: skip
    arrays = [
        np.zeros(0), np.zeros((0, 4)), np.zeros((4, 0)), np.zeros((3, 4)), np.ones((3, 4)),
        np.full((9, 12), np.nan), np.full((9, 12), np.inf), np.ones((9, 12), int),
        np.ones((9, 12), complex), np.array(["a", "b"]), np.array([["a"] * 12] * 9),
        np.array([{}, None], object), np.array(3), np.array(np.nan), np.ones((2, 3, 4)),
        np.arange(9), -np.arange(9), np.full(9, 2**40), np.zeros(9, bool), np.ones(9, np.uint64),
        np.ones((9, 12), np.float16), np.full((9, 12), 1e38), np.array(["2020"], "M8[D]"),
        np.zeros(9, [("a", int)]), np.float32(0.5), np.int64(3), np.str_("dog"),
    ]  # fmt: skip
    others = [
        None, b"", b"\xff\xfe", object(), lambda *_: None, ..., NotImplemented,
        Path(), Path("missing"), Path("photos"), Path("/dev/null"), range(3), range(0),
        iter([1, 2]),
        Image.new("RGB", (2, 2)), torch.ones(3, 4), torch.ones(2, requires_grad=True),
        ColourEncoder(), ColourEncoder, ValueError("x"), {1, "a"}, frozenset(), (), [], {}, [[]],
        [None], [[1, 2], [3]], ["dog", "dog"], ["dog", 3], [float("nan")], {"a": 1}, {1: "a"},
        {"red": ["red"]}, {"a": {"b": []}}, [("a", "b")], type("Odd", (), {"shape": (3, 4)})(),
    ]  # fmt: skip
    simple = st.one_of(
        st.sampled_from(words), st.sampled_from(numbers), st.text(max_size=5).map(_local),
        st.floats(), st.integers(-(2**40), 40),
    )  # fmt: skip
    return st.one_of(
        st.sampled_from([*words, *numbers]),
        st.sampled_from(arrays),
        st.sampled_from(others),
        st.sampled_from(list(right.values()) or [None]),
        simple,
        st.lists(simple, max_size=3),
        st.dictionaries(st.one_of(st.text(max_size=3), st.integers()), simple, max_size=2),
    )


def _local(text: str) -> str:
    """Return text that names nothing outside the working folder."""
    return text.lstrip("/~").replace("..", "")


def _subjects(work: Path) -> dict[str, Subject]:
    """Return room.name -> the call, and what returns arguments that are right."""
    photos = make_photos(work / "photos", 3)
    session = make_session(photos, work / "store")
    embedded, text, graph = session.embeddings, session.text, session.graph
    clusters, run, labels, xy = session.clusters, session.refinement, session.labels, session.map
    stars, fit, encoder = session.prototype_map, session.fit, ColourEncoder()
    images, vectors = embedded.images, np.asarray(embedded.vectors, np.float32)
    session.export(work / "dataset", formats=["folders", "splits", "csv", "prototypes"])
    session.save(work / "saved")
    embedded.save(work / "vectors")
    truth = [name.partition("/")[0] for name in images.names]
    right = np.ones(9, bool)
    prompts = session.classes
    audit = evaluation.Audit(labels.names, labels.label, labels.agreement, 4)
    estimate = audit.estimate()
    sweep = evaluation.sweep_temperatures(
        vectors, text, clusters, graph=graph, temperatures=[0.05, 0.2], iterations=2
    )
    exporting.write_audit(work / "dataset", work / "audit", 3)
    (work / "studio.json").write_text('[{"data": {"source": "a.png"}, "annotations": []}]')
    info = embedded.encoder
    classifier = pl.PrototypeClassifier.from_labels(labels) if hasattr(
        pl.PrototypeClassifier, "from_labels") else pl.PrototypeClassifier().fit(
        vectors, labels.label, classes=text)  # fmt: skip
    number = iter(range(10**9))

    def new() -> Path:
        return work / f"new{next(number)}"

    def on_session(method: str) -> Callable:
        def call(**arguments: Any) -> Any:
            own = pl.Session(embedded, NAMES, encoder=ColourEncoder(), progress=silent,
                             store=work / "own")  # fmt: skip
            done = getattr(own, method)(**arguments)
            _ = own.labels
            return done

        return call

    def on_setting(name: str) -> Callable:
        def call(value: Any) -> Any:
            own = pl.Session(embedded, NAMES, encoder=ColourEncoder(), progress=silent,
                             store=work / "own")  # fmt: skip
            setattr(own, name, value)
            return own.labels

        return call

    quiet = {"progress": silent}
    table: dict[str, tuple[Callable, dict[str, Any] | Callable[[], dict[str, Any]]]] = {
        "evaluation.sweep_temperatures": (evaluation.sweep_temperatures, {
            "vectors": vectors, "classes": text, "clusters": clusters, "graph": graph,
            "truth": truth, "temperatures": [0.05, 0.2], "iterations": 2}),
        "exporting.torch_dataset": (exporting.torch_dataset, {
            "folder": work / "dataset", "side": "train", "transform": None}),
        "plots.plot_pictures": (plots.plot_pictures, {
            "paths": images.paths, "captions": truth, "title": "a", "columns": 3}),
        "plots.plot_maps": (plots.plot_maps, {
            "points": xy, "labels": {"a": labels.label}, "names": labels.names}),
        "plots.plot_recall": (plots.plot_recall, {
            "names": labels.names, "confusions": {"a": np.eye(len(labels.names), dtype=int)}}),
        "plots.plot_gap": (plots.plot_gap, {
            "vectors": vectors, "text": text.vectors, "names": labels.names,
            "truth": labels.label}),
        "plots.plot_sweep": (plots.plot_sweep, {"sweep": sweep, "temperature": 0.1}),
        "plots.plot_audit": (plots.plot_audit, {
            "estimate": estimate, "agreement": labels.agreement, "accuracy": 0.5}),
        "images.ImageSet": (pl.ImageSet, {"root": photos, "names": images.names}),
        "images.Skipped": (importlib.import_module("protolabel.images").Skipped,
                           {"name": "a", "reason": "b"}),
        "images.from_paths": (pl.ImageSet.from_paths, {"paths": images.paths, "root": photos}),
        "images.take": (images.take, {"indices": [0, 2]}),
        "images.path": (images.path, {"index": 1}),
        "images.open": (images.open, {"index": 1}),
        "images.stamp": (images.stamp, {"index": 1}),
        "images.find_images": (pl.find_images, {"folder": photos, "truth": False}),
        "images.read_image": (importlib.import_module("protolabel.images").read_image,
                              {"file": images.path(0), "short_side": 4}),
        "images.thumbnail": (importlib.import_module("protolabel.images").thumbnail,
                             {"file": images.path(0), "size": 8}),
        "samples.write_sample_pictures": (pl.write_sample_pictures, lambda: {
            "folder": new(), "classes": ("dog",), "per_class": 1, "seed": 0,
            "styles": ("watercolour",), "size": 32}),
        "samples.draw_animal": (importlib.import_module("protolabel.samples").draw_animal, {
            "name": "dog", "style": "flat", "seed": 0, "size": 32}),
        "samples.load_sample_model": (
            importlib.import_module("protolabel.samples").load_sample_model, {"device": "cpu"}),
        "encoders.load_encoder": (
            pl.load_encoder,
            {"model": lambda pictures: np.ones((len(pictures), 3)), "pretrained": None,
             "encode_texts": None, "name": "mine", "logit_scale": 10.0, "device": "cpu",
             "precision": "auto"}),
        "encoders.CallableEncoder": (
            importlib.import_module("protolabel.encoders").CallableEncoder,
            {"encode_images": lambda pictures: np.ones((len(pictures), 3)), "encode_texts": None,
             "name": "mine", "logit_scale": 10.0}),
        "encoders.EncoderInfo": (type(info), {"name": "x", "dim": 12, "logit_scale": 20.0,
                                              "model": "custom", "pretrained": None}),
        "encoders.encoder_info": (importlib.import_module("protolabel.encoders").encoder_info,
                                  {"encoder": encoder}),
        "encoders.checked_rows": (importlib.import_module("protolabel.encoders").checked_rows,
                                  {"rows": vectors, "count": 9, "dim": 12, "name": "x"}),
        "encoders.unit_rows": (importlib.import_module("protolabel.encoders").unit_rows,
                               {"rows": vectors, "count": 9, "dim": 12, "name": "x"}),
        "embedding.Embeddings": (pl.Embeddings, {"vectors": vectors, "images": images,
                                                 "encoder": info}),
        "embedding.save": (embedded.save, lambda: {"folder": new()}),
        "embedding.ClassPrompts": (pl.ClassPrompts.parse, {"classes": NAMES,
                                                           "templates": ["a {}"]}),
        "embedding.of": (prompts.of, {"index": 0}),
        "embedding.from_dict": (pl.ClassPrompts.from_dict, {"fields": prompts.to_dict()}),
        "embedding.ClassVectors": (pl.ClassVectors, {"names": tuple(NAMES),
                                                     "vectors": text.vectors,
                                                     "logit_scale": 10.0, "prompts": None}),
        "embedding.embed_classes": (pl.embed_classes, {"classes": NAMES, "encoder": encoder,
                                                       "templates": ["a {}"]}),
        "embedding.embed_images": (
            pl.embed_images,
            lambda: {"images": images, "encoder": encoder, "store": new(), "batch_size": 4,
                     "dtype": "float32", "workers": 1, **quiet}),
        "embedding.load_embeddings": (
            pl.load_embeddings,
            {"embeddings_path": work / "vectors" / "embeddings.npy",
             "image_paths": work / "vectors" / "image_paths.txt"}),
        "embedding.load_embeddings_in_memory": (
            pl.load_embeddings, {"embeddings_path": vectors, "image_paths": images}),
        "clustering.knn_graph": (pl.knn_graph, {"vectors": vectors, "k": 4, "seed": 0}),
        "clustering.KnnGraph": (pl.KnnGraph, {"indices": graph.indices,
                                              "similarities": graph.similarities}),
        "clustering.Clusters": (pl.Clusters, dict(vars(clusters))),
        "clustering.cluster": (
            pl.cluster,
            {"vectors": vectors, "graph": graph, "visual": None, "preset": None,
             "min_cluster_size": 2, "n_meta": None, "seed": 0, **quiet}),
        "clustering.project": (
            pl.project, {"vectors": vectors, "graph": graph, "method": "pca", "preset": None,
                         "seed": 0, **quiet}),
        "clustering.place": (pl.place, {"points": vectors[:2], "vectors": vectors, "xy": xy}),
        "clustering.Preset": (type(next(iter(importlib.import_module(
            "protolabel.clustering").PRESETS.values()))),
            dict(vars(next(iter(importlib.import_module("protolabel.clustering").PRESETS.values()))))),
        "clustering.choose_preset": (importlib.import_module("protolabel.clustering").choose_preset,
                                     {"preset": "small", "n_images": 9}),
        "clustering.cluster_means": (importlib.import_module("protolabel.clustering").cluster_means,
                                     {"values": vectors, "assignment": clusters.nearest,
                                      "count": clusters.n_micro if hasattr(clusters, "n_micro")
                                      else len(clusters.centroids)}),
        "clustering.cluster_sums": (importlib.import_module("protolabel.clustering").cluster_sums,
                                    {"vectors": vectors, "assignment": clusters.nearest,
                                     "count": len(clusters.centroids)}),
        "clustering.place_centroids": (
            importlib.import_module("protolabel.clustering").place_centroids,
            {"clusters": clusters, "xy": xy}),
        "clustering.place_prototypes": (
            importlib.import_module("protolabel.clustering").place_prototypes,
            {"run": run, "vectors": vectors, "xy": xy}),
        "refinement.refine": (
            pl.refine,
            {"vectors": vectors, "classes": text, "clusters": clusters, "visual": None,
             "method": "anchored", "temperature": 0.1, "iterations": 2, "units": "clusters",
             "pins": {0: 1}, "graph": graph, "visual_graph": None, **quiet}),
        "refinement.label": (pl.label, {"run": run, "iteration": 1}),
        "refinement.at": (labels.at, {"iteration": 1}),
        "refinement.set_aside": (labels.set_aside, {"images": ~right}),
        "refinement.PrototypeClassifier": (
            lambda X, y, **k: pl.PrototypeClassifier(**k).fit(X, y),
            {"X": vectors, "y": labels.label, "temperature": 0.1, "prior_weight": 0.5}),
        "refinement.predict": (classifier.predict, {"X": vectors}),
        "refinement.predict_proba": (classifier.predict_proba, {"X": vectors}),
        "refinement.classifier_label": (classifier.label, {"X": vectors} if "X" in
                                        inspect.signature(classifier.label).parameters
                                        else {"vectors": vectors}),
        "refinement.classifier_save": (classifier.save, lambda: {"path": new()}),
        "refinement.classifier_load": (pl.PrototypeClassifier.load,
                                       {"path": work / "dataset" / "classifier.npz"}),
        "evaluation.Audit": (evaluation.Audit, {
            "names": labels.names, "label": labels.label, "agreement": labels.agreement,
            "count": 4, "pinned": ~right, "unfit": ~right, "seed": 0}),
        "evaluation.confirm": (
            lambda image: evaluation.Audit(labels.names, labels.label, labels.agreement, 4
                                           ).confirm(image), {"image": int(audit.images[0])}),
        "evaluation.correct": (
            lambda image, name: evaluation.Audit(labels.names, labels.label, labels.agreement, 4
                                                 ).correct(image, name),
            {"image": int(audit.images[0]), "name": "red"}),
        "evaluation.accuracy": (evaluation.accuracy, {"label": labels.label,
                                                      "true": labels.label.astype(np.int64)}),
        "evaluation.share_right": (evaluation.share_right, {
            "label": labels.label, "true": labels.label.astype(np.int64)}),
        "evaluation.calibration_error": (evaluation.calibration_error, {
            "confidence": labels.agreement, "right": right, "bins": 5}),
        "evaluation.error_auroc": (evaluation.error_auroc, {"confidence": labels.agreement,
                                                            "right": right}),
        "evaluation.found_errors": (evaluation.found_errors, {
            "confidence": labels.agreement, "right": right, "fraction": 0.1}),
        "evaluation.anytime_interval": (evaluation.anytime_interval, {"right": right,
                                                                      "population": 20}),
        "evaluation.fixed_size_interval": (evaluation.fixed_size_interval, {"right": right,
                                                                            "population": 20}),
        "evaluation.draw_sample": (evaluation.draw_sample, {
            "label": labels.label, "agreement": labels.agreement, "count": 3,
            "rng": np.random.default_rng(0)}),
        "evaluation.check_strictness": (evaluation.check_strictness, {"strictness": 0.5}),
        "evaluation.class_indices": (evaluation.class_indices, {"truth": truth, "names": NAMES}),
        "evaluation.compare": (pl.compare, {"before": labels, "after": labels, "truth": truth,
                                            "images": images}),
        "evaluation.diagnose": (pl.diagnose, {"run": run}),
        "evaluation.evaluate": (pl.evaluate, {"labels": labels, "truth": truth,
                                              "images": images}),
        "evaluation.judge": (evaluation.judge, {
            "names": tuple(NAMES), "label": labels.label, "true": labels.label.astype(np.int64),
            "agreement": labels.agreement, "pinned": ~right}),
        "evaluation.known_truth": (evaluation.known_truth, {
            "truth": truth, "images": images.names}),
        "evaluation.matched_truth": (evaluation.matched_truth, {
            "truth": dict(zip(images.names, truth, strict=True)), "images": images.names}),
        "evaluation.next_to_correct": (evaluation.next_to_correct, {
            "labels": labels, "graph": graph, "count": 3}),
        "images.find_classes": (importlib.import_module("protolabel.images").find_classes, {
            "words": ["Red"], "names": NAMES, "numbers": False}),
        "session.suggest_classes": (importlib.import_module("protolabel.session").suggest_classes, {
            "source": embedded, "count": 2, "vocabulary": ["red", "blue", "violet"],
            "encoder": encoder}),
        "evaluation.renamed_truth": (evaluation.renamed_truth, {"truth": truth, "old": "red",
                                                                "new": "rose"}),
        "evaluation.read_truth": (evaluation.read_truth, {"path": work / "photos"}),
        "evaluation.read_table": (evaluation.read_table, {"path": work / "dataset/labels.csv"}),
        "evaluation.measure_fit": (pl.measure_fit, {"labels": labels, "vectors": vectors,
                                                    "graph": graph, "background": None, **quiet}),
        "evaluation.missing_names": (pl.missing_names, {
            "labels": labels, "vectors": vectors, "fit": fit, "vocabulary": text,
            "strictness": 0.5, "most": 3}),
        "evaluation.fit_unfit": (fit.unfit, {"strictness": 0.5}),
        "evaluation.fit_count_at": (fit.count_at, {"strictness": 0.5}),
        "exporting.check_export": (exporting.check_export, lambda: {
            "images": images, "folder": new(), "formats": ["csv"], "link": "copy",
            "shares": (0.7, 0.2, 0.1), "groups": None, "overwrite": False}),
        "exporting.export": (pl.export, lambda: {
            "labels": labels, "images": embedded, "folder": new(), "formats": ["csv", "splits"],
            "link": "copy", "shares": (0.7, 0.2, 0.1), "seed": 0, "groups": None,
            "overwrite": False, "parameters": {"a": 1}, "projection": xy, "prototype_map": stars,
            "graph": graph, "visual_encoder": None, "audit": None, **quiet}),
        "exporting.describe_formats": (exporting.describe_formats, {}),
        "exporting.versions": (exporting.versions, {}),
        "exporting.evaluate_dataset": (exporting.evaluate_dataset,
                                       {"folder": work / "dataset", "truth": photos}),
        "exporting.groups_of": (exporting.groups_of, {"names": images.names, "groups": "^."}),
        "exporting.split_dataset": (exporting.split_dataset, {
            "label": labels.label, "groups": None, "shares": (0.7, 0.2, 0.1), "seed": 0}),
        "exporting.lasting_split": (exporting.lasting_split, {
            "label": labels.label, "groups": np.arange(9),
            "keys": [bytes([i]) * 8 for i in range(9)], "shares": (0.7, 0.2, 0.1), "seed": 0}),
        "exporting.near_duplicates": (exporting.near_duplicates, {
            "vectors": vectors, "graph": graph, "label": labels.label}),
        "exporting.read_audit": (exporting.read_audit, {
            "dataset": work / "dataset", "table": work / "audit" / "audit.csv"}),
        "exporting.record_audit": (exporting.record_audit, {
            "dataset": work / "dataset", "estimate": estimate}),
        "exporting.write_audit": (exporting.write_audit, lambda: {
            "dataset": work / "dataset", "output": new(), "count": 3, "seed": 0}),
        "exporting.read_label_studio": (exporting.read_label_studio,
                                        {"path": work / "studio.json"}),
        "exporting.read_metadata": (exporting.read_metadata, {"folder": work / "dataset"}),
        "exporting.write_replay": (exporting.write_replay, lambda: {
            "path": new(), "labels": labels, "images": images, "projection": xy,
            "prototype_map": stars, "title": "x", "thumbnails": 10}),
        "exporting.replay_html": (exporting.replay_html, {
            "labels": labels, "images": images, "projection": xy, "prototype_map": stars,
            "title": None, "thumbnails": 3}),
        "plots.class_colours": (plots.class_colours, {"count": 3}),
        "plots.plot_counts": (plots.plot_counts, {"names": NAMES, "counts": labels.counts}),
        "plots.plot_agreement": (plots.plot_agreement, {
            "names": NAMES, "label": labels.label, "agreement": labels.agreement}),
        "plots.plot_alignment": (plots.plot_alignment, {
            "names": NAMES, "alignment": run.micro_alignment, "units": "clusters"}),
        "plots.plot_confusion": (plots.plot_confusion, {"names": NAMES,
                                                        "confusion": np.eye(3, dtype=int)}),
        "plots.plot_map": (plots.plot_map, {"points": xy, "label": labels.label, "names": NAMES,
                                            "prototypes": stars, "iteration": -1}),
        "plots.plot_convergence": (plots.plot_convergence, {
            "names": NAMES, "churn": [0, 0.1], "shift": [0, 0.1], "class_mass": np.ones((2, 3)),
            "iteration": 1}),
        "plots.plot_contact_sheet": (plots.plot_contact_sheet, {
            "names": NAMES, "rows": [(0, images.paths[:2])], "title": "x"}),
        "plots.save_plots": (plots.save_plots, lambda: {"dataset_folder": work / "dataset",
                                                        "output": new()}),
        "session.Session": (pl.Session, {
            "source": embedded, "classes": NAMES, "encoder": encoder, "pretrained": None,
            "device": "cpu", "store": work / "own", **quiet}),
        "session.annotate": (pl.annotate, lambda: {
            "source": embedded, "classes": NAMES, "output": new(), "formats": ["csv"],
            "link": "copy", "shares": (0.7, 0.2, 0.1), "overwrite": False, "encoder": encoder,
            "store": work / "own", **quiet}),
        "session.Session.load": (pl.Session.load, {"folder": work / "saved", "images": None,
                                                   "trust": False, **quiet}),
        "session.Session.load_dataset": (pl.Session.load, {
            "folder": work / "dataset", "images": photos, "trust": False, "encoder": encoder,
            **quiet}),
    }  # fmt: skip
    words = naming.Vocabulary(("red", "blue", "colour"), np.array([2, 2, -1], np.int32),
                              ("red", "blue", "colour"))  # fmt: skip
    word_vectors = np.asarray(naming.embed_words(words, encoder, progress=silent))
    tree = naming.group_images(vectors, graph, words, word_vectors, progress=silent)
    found = tree.suggest(2)
    table |= {
        "naming.Vocabulary": (
            lambda **fields: (made := naming.Vocabulary(**fields)).levels() + len(made),
            dict(vars(words))),
        "naming.NounTree": (naming.NounTree, {"lemmas": {2084071: ["dog"]}}),
        "naming.chain": (naming.noun_tree().chain, {"synset": 2084071}),
        "naming.meanings": (naming.noun_tree().meanings, {"word": "dog"}),
        "naming.everyday_words": (naming.everyday_words, {}),
        "naming.noun_tree": (naming.noun_tree, {}),
        "naming.sample_words": (naming.sample_words, {}),
        "naming.own_words": (naming.own_words, {
            "words": ["dog", "red", "crane"], "vectors": word_vectors}),
        "naming.embed_words": (naming.embed_words, {
            "vocabulary": words, "encoder": encoder, **quiet}),
        "naming.group_images": (
            lambda **given: str(naming.group_images(**given).suggest()),
            {"vectors": vectors, "graph": graph, "vocabulary": words, "words": word_vectors,
             "logit_scale": 100.0, "seed": 0, **quiet}),
        "naming.suggest": (tree.suggest, {"count": 2}),
        "naming.group_pictures": (naming.group_pictures, {
            "group": found.groups[0], "images": images, "side": 16}),
        "naming.write_sheet": (naming.write_sheet, lambda: {
            "path": new(), "suggestions": found, "images": images}),
    }  # fmt: skip
    table |= _tables(work, new, session)
    methods: dict[str, dict[str, Any] | Callable[[], dict[str, Any]]] = {
        "add_class": {"name": "yellow", "synonyms": ["gold"]},
        "add_classes": {"names": ["yellow", "violet"]},
        "merge_classes": {"name": "red", "into": "blue"},
        "move_class": {"name": "red", "place": 1},
        "next_to_correct": {"count": 3},
        "search": {"words": "red"},
        "set_colour": {"name": "red", "colour": "#112233"},
        "similar": {"image": 0},
        "suggest": {"count": 2},
        "to_pandas": {"best": 2},
        "remove_class": {"name": "red"},
        "rename_class": {"old": "red", "new": "violet"},
        "set_synonyms": {"name": "red", "synonyms": ["rose"]},
        "pin": {"images": 0, "name": "red"},
        "unpin": {"images": 0},
        "undo": {}, "redo": {}, "restore_corrections": {},
        "missing_names": {"most": 3},
        "evaluate": {"truth": truth},
        "audit": {"images": 4, "seed": 1},
        "report_to": {"progress": silent},
        "on_close": {"callback": len},
        "close": {},
        "export": lambda: {"folder": new(), "formats": ["csv"], "link": "copy",
                           "shares": (0.7, 0.2, 0.1), "groups": None, "overwrite": False},
        "to_html": lambda: {"path": new(), "title": "x", "thumbnails": 3},
        "save": lambda: {"folder": new()},
    }  # fmt: skip
    for method, arguments in methods.items():
        table[f"session.Session.{method}"] = (on_session(method), arguments)
    for trait in (*pl.Session(embedded, NAMES, progress=silent)._stages.feeds, "truth"):
        value = truth if trait == "truth" else getattr(session, trait)
        table[f"settings.{trait}"] = (on_setting(trait), {"value": value})
    return {
        name: (call, (lambda given=given: given) if isinstance(given, dict) else given)
        for name, (call, given) in table.items()
    }


def _tables(work: Path, new: Callable[[], Path], session: pl.Session) -> dict[str, Any]:
    """Return the calls on tables; without Daft each of them has to say what to install."""
    listed, shards, labelled = work / "list.csv", work / "shards", work / "labelled"
    pictures = session.embeddings.images.paths[:4]
    listed.write_text("path\n" + "".join(f"{path}\n" for path in pictures), "utf-8")
    if importlib.util.find_spec("daft") is not None:
        tables.embed_table(listed, shards, encoder="sample", progress=silent)
        tables.apply_table(work / "dataset", _table_of(session, work), labelled, progress=silent)
    quiet = {"progress": silent}
    return {
        "tables.embed_table": (tables.embed_table, lambda: {
            "source": listed, "output": new(), "encoder": "sample", "pretrained": None,
            "device": "cpu", "image_column": "path", "id_column": None, "workers": 1, "gpus": 0.0,
            "retry": False, **quiet}),
        "tables.apply_table": (tables.apply_table, lambda: {
            "fitted": work / "dataset", "source": work / "vectors.parquet", "output": new(),
            "device": "cpu", "none_of_these": 0.5, "image_column": None, "id_column": "id",
            "workers": 1, "gpus": 0.0, "retry": False, **quiet}),
        "tables.fit_table": (tables.fit_table, lambda: {
            "source": work / "vectors.parquet", "classes": session.text, "output": new(),
            "encoder": None, "pretrained": None, "device": "cpu", "templates": None, "sample": 9,
            "temperature": 0.1, "iterations": 2, "image_column": None, "id_column": None,
            "seed": 0, **quiet}),
        "tables.read_fitted": (tables.read_fitted, {"folder": work / "dataset"}),
        "tables.export_labels": (tables.export_labels, lambda: {
            "shards": labelled, "output": new().with_suffix(".csv")}),
    }  # fmt: skip


def _table_of(session: pl.Session, work: Path) -> Path:
    """Write the vectors of a session as a table."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    embedded, path = session.embeddings, work / "vectors.parquet"
    rows = np.asarray(embedded.vectors, np.float32).tolist()
    pq.write_table(pa.table({"id": list(embedded.images.names), "vector": rows}), path)
    return path
