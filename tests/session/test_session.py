from __future__ import annotations

import json
from collections import Counter

import numpy as np
import pytest
import traitlets

import protolabel as pl
from protolabel.common.progress import silent
from protolabel.refinement.loop import PreparedLoop
from protolabel.session import session as module
from protolabel.session import source as session_source
from protolabel.session.session import Session
from protolabel.session.stages import Stages

COLOURS = ["red", "green", "blue"]
SETTINGS = Stages(Session).feeds
STEPS = {
    "embed_images": "embed",
    "knn_graph": "graph",
    "cluster": "cluster",
    "embed_classes": "text",
    "label": "label",
    "project": "map",
    "place_prototypes": "place",
}


@pytest.fixture
def calls(monkeypatch) -> Counter:
    """Counts how often the session asks each step for its work."""
    counted: Counter = Counter()

    def counting(function, step):
        def call(*args, **options):
            counted[step] += 1
            return function(*args, **options)

        return call

    for name, step in STEPS.items():
        home = module if hasattr(module, name) else session_source
        monkeypatch.setattr(home, name, counting(getattr(home, name), step))
    monkeypatch.setattr(PreparedLoop, "refine", counting(PreparedLoop.refine, "refine"))
    return counted


@pytest.fixture
def session(image_folder, encoder, tmp_path) -> Session:
    return Session(
        image_folder, COLOURS, encoder=encoder, store=tmp_path / "store", progress=silent
    )


def use(session: Session) -> None:
    """Ask for everything that a panel would show."""
    _ = session.labels, session.map, session.prototype_map, session.diagnostics


def colour_of(session: Session) -> list[str]:
    return [name.split("/")[0] for name in session.embeddings.images.names]


# --- from a folder to labels --------------------------------------------------------------------


def test_a_folder_is_labelled(session):
    labels = session.labels
    assert labels.names == ("red", "green", "blue")
    assert [labels.names[i] for i in labels.label] == colour_of(session)
    assert session.map.shape == (15, 2)
    assert session.prototype_map.shape == (6, 3, 2)
    assert session.evaluate(colour_of(session)).accuracy == 1


def test_nothing_is_computed_before_it_is_asked_for(session, encoder, calls):
    assert "nothing yet" in repr(session)
    assert encoder.seen == 0
    assert not calls
    _ = session.labels
    assert "labels" in repr(session)
    assert calls["map"] == 0


def test_every_step_is_taken_once(session, encoder, calls):
    use(session)
    use(session)
    assert calls.pop("label") >= 1
    assert set(calls.values()) == {1}
    assert encoder.seen == 15


@pytest.mark.parametrize("kind", ["str", "ImageSet", "Embeddings"])
def test_a_session_starts_from_a_folder_images_or_vectors(image_folder, encoder, tmp_path, kind):
    images = pl.find_images(image_folder)
    if kind == "Embeddings":
        source = pl.embed_images(images, encoder, progress=silent)
    else:
        source = images if kind == "ImageSet" else str(image_folder)
    made = Session(source, COLOURS, encoder=encoder, store=tmp_path / "store", progress=silent)
    assert [made.names[i] for i in made.labels.label] == colour_of(made)


def test_a_folder_that_is_not_there_is_refused_at_once(tmp_path, encoder):
    with pytest.raises(pl.InputError, match="fotos', which does not exist"):
        Session(tmp_path / "fotos", COLOURS, encoder=encoder)


def test_truth_comes_from_the_class_folders_when_it_is_asked_for(image_folder, encoder, tmp_path):
    images = pl.find_images(image_folder, truth=True)
    made = Session(images, COLOURS, encoder=encoder, store=tmp_path / "s", progress=silent)
    assert made.evaluate().accuracy == 1


def test_without_truth_there_is_nothing_to_compare(session):
    with pytest.raises(pl.InputError, match="none are known"):
        session.evaluate()


def test_truth_is_kept_and_judges_runs_before_and_after(session, tmp_path):
    _ = session.labels
    names = session.embeddings.images.names
    truth = dict(list(zip(names, colour_of(session), strict=True))[3:])
    assert session.runs[0].accuracy is None
    got = session.evaluate(truth)
    assert (got.judged, got.unknown) == (12, 3)
    assert session.truth[:3] == (None, None, None)
    session.temperature = 0.2
    assert session.evaluate().judged == 12
    assert [run.accuracy for run in session.runs] == [1, session.evaluate().accuracy]
    session.save(tmp_path / "saved")
    assert Session.load(tmp_path / "saved", progress=silent).truth == session.truth


def test_truth_that_does_not_fit_leaves_the_one_before(session):
    session.evaluate(colour_of(session))
    before = session.truth
    for wrong in (["red"], {"other.png": "red"}):
        with pytest.raises(pl.InputError):
            session.evaluate(wrong)
    assert session.truth == before


def test_runs_that_a_slider_passed_through_can_be_forgotten(session):
    for change in (
        {}, {"temperature": 0.2}, {"temperature": 0.3}, {"temperature": 0.4},
        {"iterations": 3}, {"iterations": 2}, {"iterations": 2, "temperature": 0.5},
        {"method": "plain"}, {"method": "anchored"},
    ):  # fmt: skip
        for name, value in change.items():
            setattr(session, name, value)
        _ = session.labels
        session.runs.forget_passed()
    shown = [[run.settings[name] for name in ("temperature", "iterations", "method")]
             for run in session.runs]  # fmt: skip
    assert shown == [
        [0.1, 5, "anchored"], [0.4, 5, "anchored"], [0.4, 2, "anchored"],
        [0.5, 2, "anchored"], [0.5, 2, "plain"], [0.5, 2, "anchored"],
    ]  # fmt: skip


def test_the_store_lies_in_the_users_cache_by_default(image_folder, encoder, tmp_path, monkeypatch):
    folders = []

    def cache_folder(root, name):
        folders.append((root, name))
        return tmp_path / "cache"

    monkeypatch.setattr(session_source, "cache_folder", cache_folder)
    for _ in range(2):
        made = Session(image_folder, COLOURS, encoder=encoder, progress=silent)
        assert len(made.embeddings) == 15
    assert encoder.seen == 15  # the second session found them
    assert folders[0] == (image_folder.resolve(), encoder.name)


def test_cache_folders_differ_by_images_and_by_encoder(tmp_path):
    from protolabel.embedding.cache import cache_folder

    places = {cache_folder(tmp_path / a, b) for a in "xy" for b in ("one", "two")}
    assert len(places) == 4
    assert cache_folder(tmp_path, "one") == cache_folder(tmp_path, "one")


# --- a change recomputes only what it touches ----------------------------------------------------

LOOP = {"refine": 1, "place": 1}


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ({"temperature": 0.05}, LOOP),
        ({"iterations": 2}, LOOP),
        ({"method": "plain"}, LOOP),
        ({"units": "images"}, LOOP),
        ({"pins": {"red/0000.png": "blue"}}, LOOP),
        ({"kept": 1}, {}),
        ({"classes": ["red", "blue"]}, {"text": 1, **LOOP}),
        ({"templates": ["{}"]}, {"text": 1, **LOOP}),
        ({"min_cluster_size": 3}, {"cluster": 1, **LOOP}),
        ({"seed": 1}, {"graph": 1, "cluster": 1, "map": 1, **LOOP}),
        ({"preset": "medium"}, {"graph": 1, "cluster": 1, "map": 1, **LOOP}),
    ],
    ids=lambda value: next(iter(value), "labels") if isinstance(value, dict) else "",
)
def test_a_change_recomputes_only_what_follows_from_it(session, encoder, calls, change, again):
    use(session)
    calls.clear()
    ((name, value),) = change.items()
    setattr(session, name, value)
    assert not calls, "computed when it is asked for, not before"
    use(session)
    assert calls.pop("label") >= 1
    assert dict(calls) == again
    assert encoder.seen == 15


def test_every_setting_has_its_stage():
    settings = set(Session.class_traits()) - set(traitlets.HasTraits.class_traits())
    assert settings - {"revision", "truth"} == set(SETTINGS)  # truth feeds no label


def test_the_same_value_again_changes_nothing(session, calls):
    use(session)
    revision = session.revision
    calls.clear()
    session.temperature = 0.1
    session.classes = list(COLOURS)
    session.classes = {name: [name] for name in COLOURS}
    session.templates = list(session.templates)
    session.pins = {}
    use(session)
    assert session.revision == revision
    assert set(calls) <= {"label"}


def test_the_result_is_that_of_a_session_made_with_the_value(session, image_folder, encoder):
    use(session)
    session.method, session.temperature, session.iterations = "plain", 0.05, 3
    fresh = Session(
        session.embeddings, COLOURS, encoder=encoder, progress=silent, method="plain",
        temperature=0.05, iterations=3,
    )  # fmt: skip
    for name in ("label", "agreement", "runner_up"):
        np.testing.assert_array_equal(getattr(session.labels, name), getattr(fresh.labels, name))


def test_revision_grows_with_every_change(session):
    seen = []
    session.observe(lambda change: seen.append(change["new"]), names="revision")
    session.temperature = 0.2
    session.classes = ["red", "green"]
    session.pin(0, "red")
    assert seen == [1, 2, 3]


def test_a_cell_and_a_panel_see_each_others_changes(session):
    """A panel observes the trait and writes to it; a cell does the same."""
    panel = {"temperature": session.temperature}
    session.observe(lambda change: panel.update(temperature=change["new"]), names="temperature")
    session.temperature = 0.05  # from a cell
    assert panel == {"temperature": 0.05}
    session.set_trait("temperature", 0.2)  # from the panel
    assert session.temperature == 0.2
    assert session.refinement.parameters["temperature"] == 0.2


def test_what_is_shown_when_a_change_is_announced_is_already_new(session):
    use(session)
    seen = []
    session.observe(
        lambda _: seen.append(session.refinement.parameters["iterations"]), names="revision"
    )
    session.iterations = 2
    assert seen == [2]


# --- what may be set ----------------------------------------------------------------------------


def test_unknown_settings_are_refused_by_name(image_folder):
    with pytest.raises(pl.InputError, match=r"no setting temprature; it has classes.*temperature"):
        Session(image_folder, COLOURS, temprature=0.1)
    with pytest.raises(pl.InputError, match=r"no setting encodr.* mean 'encoder'\?$"):
        Session(image_folder, COLOURS, encodr="sample")


def test_a_setting_that_is_misspelt_later_is_refused_too(session):
    with pytest.raises(pl.InputError, match=r"no setting temprature.* mean 'temperature'\?$"):
        session.temprature = 0.2
    assert not hasattr(session, "temprature")
    session._mine = 1  # nobody's business
    with pytest.raises(AttributeError):
        session.names = ["red"]


def test_a_subclass_may_have_attributes_of_its_own(image_folder, encoder):
    class Mine(Session):
        def __init__(self, *given, **settings):
            self.note = "mine"
            super().__init__(*given, **settings)

    assert Mine(image_folder, COLOURS, encoder=encoder).note == "mine"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", 0.0),
        ("temperature", float("nan")),
        ("iterations", -1),
        ("min_cluster_size", 1),
        ("seed", -1),
        ("kept", 6),
        ("kept", -1),
        ("classes", []),
        ("classes", "dog"),
        ("classes", ["dog", "Dog"]),
        ("templates", ["no place"]),
        ("templates", "a {}"),
        ("templates", {"zebra": ["a {}"]}),
    ],
)
def test_bad_values_are_refused_and_change_nothing(session, image_folder, name, value):
    before, revision = getattr(session, name), session.revision
    with pytest.raises(pl.InputError):
        setattr(session, name, value)
    assert getattr(session, name) is before
    assert session.revision == revision
    given = {"classes": COLOURS, name: value}
    with pytest.raises(pl.InputError):
        Session(image_folder, **given)


@pytest.mark.parametrize(
    ("name", "value"), [("method", "magic"), ("units", "pixels"), ("preset", "huge")]
)
def test_values_outside_a_list_are_refused_with_the_list(session, name, value):
    with pytest.raises(traitlets.TraitError, match=name):
        setattr(session, name, value)


def test_a_kept_iteration_counts_until_it_is_gone(session):
    session.kept = 4
    assert session.labels.iteration == 4
    assert session.parameters["kept"] == 4
    session.iterations = 4
    assert session.kept == 4
    session.iterations = 2
    assert session.kept is None
    assert session.labels.iteration == 2
    session.kept = 0
    np.testing.assert_array_equal(session.labels.label, session.refinement.iterations[0].labels)


def test_kept_may_be_given_with_more_iterations(session):
    made = Session(session.embeddings, COLOURS, kept=7, iterations=8)
    assert made.kept == 7


def test_class_vectors_need_no_encoder(session):
    text = session.text
    embeddings = session.embeddings
    made = Session(embeddings, text, progress=silent)
    np.testing.assert_array_equal(made.labels.label, session.labels.label)
    assert made.text is text
    assert made.names == text.names


def test_vectors_from_elsewhere_need_an_encoder_for_new_names(session, tmp_path, encoder):
    embeddings = session.embeddings
    embeddings.save(tmp_path / "foreign")
    (tmp_path / "foreign" / "embeddings.json").unlink()
    foreign = pl.load_embeddings(tmp_path / "foreign")
    with pytest.raises(pl.EncoderError, match="Pass the encoder"):
        _ = Session(foreign, COLOURS, progress=silent).labels
    made = Session(foreign, COLOURS, encoder=encoder, progress=silent)
    np.testing.assert_array_equal(made.labels.label, session.labels.label)


def test_synonyms_and_templates_reach_the_text(session, encoder):
    session.classes = {"warm": ["red", "yellow"], "cold": ["blue"]}
    session.templates = ["{}"]
    wanted = pl.embed_classes({"warm": ["red", "yellow"], "cold": ["blue"]}, encoder, ["{}"])
    np.testing.assert_array_equal(session.text.vectors, wanted.vectors)


def test_templates_may_come_from_a_generator(session, encoder):
    session.templates = (text for text in ["a {}", "the {}"])
    assert session.templates == ("a {}", "the {}")
    wanted = pl.embed_classes(COLOURS, encoder, ["a {}", "the {}"])
    np.testing.assert_array_equal(session.text.vectors, wanted.vectors)


# --- pins ---------------------------------------------------------------------------------------


def test_pins_are_kept_by_file_name_and_hold(session):
    session.pin([0, 3], "red")
    first, second = (session.embeddings.images.names[i] for i in (0, 3))
    assert session.pins == {first: "red", second: "red"}
    for iteration in range(6):
        session.kept = iteration
        np.testing.assert_array_equal(session.labels.label[[0, 3]], [0, 0])
        np.testing.assert_array_equal(np.flatnonzero(session.labels.pinned), [0, 3])
    session.unpin(3)
    assert session.pins == {first: "red"}
    np.testing.assert_array_equal(np.flatnonzero(session.labels.pinned), [0])


@pytest.mark.parametrize("images", [1, np.int64(1), np.array(1), [1], (1,), np.array([1]), {1}])
def test_images_may_be_one_index_or_several(session, images):
    session.pin(images, "blue")
    assert list(session.pins) == [session.embeddings.images.names[1]]


def test_images_may_be_named_as_in_the_dataset(session):
    session.pin("red/0001.png", "blue")
    session.pin(["green/0000.png", 2, np.str_("blue/0003.png")], "green")
    assert session.pins == {
        "red/0001.png": "blue",
        "green/0000.png": "green",
        session.embeddings.images.names[2]: "green",
        "blue/0003.png": "green",
    }
    session.unpin(["green/0000.png", "blue/0003.png"])
    session.unpin(2)
    assert session.pins == {"red/0001.png": "blue"}


def test_a_name_that_no_image_has_is_refused_with_those_that_are_near(session):
    with pytest.raises(
        pl.InputError, match=r"such as 'blue/0000.png', got 'rde/0001.png'"
    ) as wrong:
        session.pin(["red/0001.png", "rde/0001.png"], "blue")
    assert "'red/0001.png'" in str(wrong.value).partition("Did you mean")[2]
    with pytest.raises(pl.InputError, match=r"such as 'blue/0000.png', got 'xyz'\.$"):
        session.unpin("xyz")
    assert session.pins == {}


def test_no_images_pin_nothing(session):
    session.pin([], "blue")
    assert session.pins == {}
    assert session.revision == 0


@pytest.mark.parametrize("images", [15, -1, [0, 99], 1.5, [True, False], np.ones(15, bool)])
def test_indices_that_are_none_are_refused(session, images):
    with pytest.raises(pl.InputError, match="image indices from 0 to 14"):
        session.pin(images, "red")


def test_a_name_that_is_no_class_is_refused(session):
    with pytest.raises(pl.InputError, match="got 'violet': the classes are red, green"):
        session.pin(0, "violet")


def test_pinning_again_changes_the_name(session):
    session.pin([0, 1], "red")
    session.pin(1, "blue")
    assert list(session.pins.values()) == ["red", "blue"]


def test_a_pin_waits_while_its_class_is_away(session):
    session.pin(2, "green")
    session.classes = ["red", "blue"]
    assert not session.labels.pinned.any()
    assert list(session.pins.values()) == ["green"]
    session.classes = ["blue", "green", "red"]  # in another order: held by name
    assert session.labels.pinned[2]
    assert session.labels.label[2] == 1


def test_a_pin_waits_while_its_image_is_away(session):
    session.pins = {"gone.png": "red"}
    assert not session.labels.pinned.any()
    assert session.pins == {"gone.png": "red"}


def test_settings_that_leave_the_session_are_plain(session):
    session.pin(0, "red")
    settings = session.parameters
    assert json.loads(json.dumps(settings)) == settings
    assert settings["preset"] == "small"
    assert settings["min_cluster_size"] == 5
    assert settings["pins"] == session.pins


# --- on disk ------------------------------------------------------------------------------------


def stored(session: Session, tmp_path, *, classes=("red", "green", "blue")) -> Session:
    session.templates = ["a {}", "some {}"]
    session.classes = list(classes)
    session.temperature, session.iterations, session.seed = 0.07, 4, 3
    session.pin([1, 5], "blue")
    session.kept = 2
    session.save(tmp_path / "session")
    return session


def test_a_session_comes_back_as_it_was(session, tmp_path, calls):
    use(stored(session, tmp_path))
    session.save(tmp_path / "session")  # again, now with a map
    calls.clear()
    loaded = Session.load(tmp_path / "session", progress=silent)
    for name in SETTINGS:
        if name != "classes":
            assert getattr(loaded, name) == getattr(session, name), name
    assert loaded.names == session.names
    for name in ("label", "agreement", "margin", "runner_up", "pinned"):
        np.testing.assert_array_equal(getattr(loaded.labels, name), getattr(session.labels, name))
    np.testing.assert_array_equal(loaded.map, session.map)
    np.testing.assert_array_equal(loaded.prototype_map, session.prototype_map)
    np.testing.assert_array_equal(loaded.clusters.micro, session.clusters.micro)
    assert loaded.embeddings.images.names == session.embeddings.images.names
    assert calls.pop("label") >= 1
    assert dict(calls) == {"refine": 1, "place": 1}, "nothing is embedded or clustered again"


def test_a_loaded_session_goes_on(session, tmp_path, encoder):
    stored(session, tmp_path)
    loaded = Session.load(tmp_path / "session", encoder=encoder, progress=silent)
    loaded.classes = ["red", "yellow", "blue"]
    session.classes = ["red", "yellow", "blue"]
    assert loaded.templates == session.templates == ("a {}", "some {}")
    np.testing.assert_array_equal(loaded.labels.label, session.labels.label)
    loaded.seed = session.seed = 9
    np.testing.assert_array_equal(loaded.clusters.micro, session.clusters.micro)


def test_default_templates_leave_prompts_their_own(session, tmp_path, encoder):
    prompts = pl.ClassPrompts.parse(["red", "green"], {"red": ["only {}"], "green": ["{}"]})
    session.classes = prompts
    session.save(tmp_path / "session")
    loaded = Session.load(tmp_path / "session", encoder=encoder, progress=silent)
    assert loaded.templates is pl.DEFAULT_TEMPLATES
    assert loaded.classes.to_dict() == prompts.to_dict()
    loaded.classes = loaded.classes  # as a panel does
    np.testing.assert_array_equal(loaded.text.vectors, session.text.vectors)


def test_class_vectors_come_back(session, tmp_path):
    made = Session(
        session.embeddings, pl.ClassVectors(["a", "b"], session.text.vectors[:2], 50.0),
        progress=silent,
    )  # fmt: skip
    made.save(tmp_path / "session")
    loaded = Session.load(tmp_path / "session", progress=silent)
    assert loaded.text.logit_scale == 50.0
    np.testing.assert_array_equal(loaded.labels.label, made.labels.label)


def test_a_session_may_be_saved_over_itself_but_over_nothing_else(session, tmp_path):
    session.save(tmp_path / "new" / "session")
    session.temperature = 0.3
    session.save(tmp_path / "new" / "session")
    assert Session.load(tmp_path / "new" / "session", progress=silent).temperature == 0.3
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "precious.txt").write_text("mine")
    with pytest.raises(pl.StoreError, match="holds something else"):
        session.save(tmp_path / "other")
    with pytest.raises(pl.StoreError, match="holds something else"):
        session.save(tmp_path / "other" / "precious.txt")
    assert [path.name for path in (tmp_path / "other").iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(
    ("name", "content"),
    [
        *((name, None) for name in ("session.json", "session.npz", "embeddings.npy")),
        *((name, b"") for name in ("session.json", "session.npz", "embeddings.npy")),
        *(("session.json", text) for text in (b"{}", b"[1]", b"\xff")),
        *(("session.npz", data) for data in (b"PK\x03\x04 cut short", b"{}")),
        ("embeddings.npy", b"{}"),
    ],
)
def test_a_broken_session_is_refused(session, tmp_path, name, content):
    folder = session.save(tmp_path / "session")
    if content is None:
        (folder / name).unlink()
    else:
        (folder / name).write_bytes(content)
    with pytest.raises(pl.StoreError):
        Session.load(folder)


def test_files_of_different_sessions_are_refused(session, tmp_path):
    folder = session.save(tmp_path / "session")
    embeddings = session.embeddings
    fewer = pl.Embeddings(
        embeddings.vectors[:9], embeddings.images.take(range(9)), embeddings.encoder
    )
    fewer.save(folder)
    with pytest.raises(pl.StoreError, match="different sessions"):
        Session.load(folder)


def test_a_folder_that_is_no_session_is_refused(tmp_path):
    with pytest.raises(pl.StoreError, match=r"Expected a folder that Session.save wrote"):
        Session.load(tmp_path)


# --- a dataset ----------------------------------------------------------------------------------


def test_export_writes_the_kept_iteration_with_its_settings(session, tmp_path):
    session.pin(0, "red")
    session.kept = 1
    session.export(tmp_path / "dataset")
    metadata = json.loads((tmp_path / "dataset" / "metadata.json").read_text("utf-8"))
    text = json.dumps(metadata)
    assert '"kept": 1' in text
    assert session.embeddings.images.names[0] in text
    counts = dict(zip(session.names, session.labels.counts.tolist(), strict=True))
    for name, count in counts.items():
        assert len(list((tmp_path / "dataset" / name).iterdir())) == count


def test_an_export_lays_out_a_map_only_for_formats_that_hold_it(session, calls, tmp_path):
    session.export(tmp_path / "table", formats=["csv"])
    assert calls["map"] == 0
    session.export(tmp_path / "all")
    assert calls["map"] == 1
    assert (tmp_path / "all" / "map.npy").is_file()


@pytest.mark.parametrize(
    "options", [{}, {"formats": ["foldrs"]}, {"link": "move"}, {"shares": [2, 0, 0]}]
)
def test_an_export_that_cannot_be_is_refused_before_anything_is_embedded(
    session, encoder, image_folder, tmp_path, options
):
    target = tmp_path / "out" if options else image_folder
    with pytest.raises((pl.InputError, pl.ExportError)):
        session.export(target, **options)
    assert encoder.seen == 0


def test_the_folder_is_listed_once(session, monkeypatch, tmp_path):
    listed = []
    find = session_source.find_images
    monkeypatch.setattr(session_source, "find_images", lambda x: listed.append(x) or find(x))
    session.export(tmp_path / "out")
    assert len(listed) == 1


def test_one_call_from_a_folder_to_a_dataset(image_folder, encoder, tmp_path):
    made = pl.annotate(
        image_folder, COLOURS, tmp_path / "dataset", encoder=encoder, store=tmp_path / "store",
        temperature=0.2, progress=silent,
    )  # fmt: skip
    assert made.temperature == 0.2
    assert (tmp_path / "dataset" / "metadata.json").is_file()
    assert sorted(p.name for p in (tmp_path / "dataset" / "red").iterdir()) != []
    with pytest.raises(pl.ExportError):
        pl.annotate(made.embeddings, made.text, tmp_path / "dataset", progress=silent)
    with pytest.raises(pl.InputError, match="no setting temprature"):
        pl.annotate(image_folder, COLOURS, tmp_path / "other", temprature=1)


def test_words_find_the_pictures_they_describe(session):
    found = session.search("green")
    names = session.embeddings.images.names
    assert sorted(found.tolist()) == list(range(len(names)))
    greens = sum(name.startswith("green") for name in names)
    assert all(names[i].startswith("green") for i in found[:greens])
    with pytest.raises(pl.InputError):
        session.search("  ")


def test_the_picture_itself_is_most_like_it(session):
    assert session.similar(4)[0] == 4


def test_a_refused_name_is_known_before_any_image_is_embedded(session, encoder, monkeypatch):
    def refuse(_: list[str]) -> np.ndarray:
        raise pl.InputError("Expected another word.")

    monkeypatch.setattr(encoder, "encode_texts", refuse)
    with pytest.raises(pl.InputError, match="another word"):
        _ = session.labels
    assert encoder.seen == 0
