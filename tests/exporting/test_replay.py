from __future__ import annotations

import base64
import gzip
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from worlds import clustered_world

from protolabel.clustering.projection import place_prototypes, project
from protolabel.common.progress import silent
from protolabel.errors import ExportError, InputError
from protolabel.exporting import export, replay_html, write_replay
from protolabel.images import ImageSet
from protolabel.refinement.labels import Labels, label
from protolabel.refinement.loop import refine

sys.path.insert(0, str(Path(__file__).parents[1] / "widgets"))
from host import browser  # isort: skip


@pytest.fixture
def case(tmp_path: Path) -> dict:
    world, graph, clusters = clustered_world()
    names = ("</script><img src=x onerror=alert(1)>", *world.classes.names[1:])
    classes = type(world.classes)(names, world.classes.vectors)
    run = refine(world.vectors, classes, clusters, graph=graph, progress=silent, pins={3: 1})
    root = tmp_path / "photos"
    root.mkdir()
    files = tuple(f"img{i:03d}.png" for i in range(len(world.truth)))
    for i, name in enumerate(files):
        Image.new("RGB", (20, 12), (i % 256, 90, 160)).save(root / name)
    xy = project(world.vectors, method="pca")
    stars = place_prototypes(run, world.vectors, xy)
    return {
        "labels": label(run, 3), "images": ImageSet(root, files), "projection": xy,
        "prototype_map": stars,
    }  # fmt: skip


def _data(page: str) -> dict:
    return json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))


def test_a_page_holds_its_data_and_no_way_out(case: dict, tmp_path: Path) -> None:
    page = replay_html(**case)
    assert "default-src 'none'" in page
    assert "unsafe" not in page.partition("</head>")[0]
    assert page.count("<script") == page.count("</script>") == 2
    assert "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "https://" not in page
    assert str(tmp_path) not in page
    data = _data(page)
    assert data["state"]["names"] == list(case["labels"].names)
    assert data["state"]["kept"] == 3
    assert len(data["findings"]) == 6
    assert data["findings"][0][0][1].startswith("These are the zero-shot labels")


def test_the_same_run_gives_the_same_page(case: dict) -> None:
    assert replay_html(**case) == replay_html(**case)


def test_pictures_are_left_out_past_the_limit(case: dict) -> None:
    assert '"atlas": ""' in replay_html(**case, thumbnails=10)


def test_what_has_no_run_or_does_not_fit_is_refused(case: dict, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="their map of shape"):
        replay_html(**{**case, "projection": case["projection"][:-1]})
    no_run = Labels(**{**vars(case["labels"]), "run": None})
    with pytest.raises(InputError, match="labels of a run, got"):
        replay_html(**{**case, "labels": no_run})
    with pytest.raises(InputError, match="folder that exists"):
        write_replay(tmp_path / "missing" / "replay.html", **case)


@pytest.mark.skipif(sys.platform != "linux", reason="a folder that takes no files")
def test_a_page_that_cannot_be_written_is_a_clear_error(case: dict) -> None:
    with pytest.raises(ExportError, match="the system says"):
        write_replay("/proc/replay.html", **case)


def test_what_is_set_aside_is_in_the_page(case: dict) -> None:
    assert "unfit" not in _data(replay_html(**case))["arrays"]
    unfit = np.arange(len(case["labels"])) < 5
    page = replay_html(**{**case, "labels": case["labels"].set_aside(unfit)})
    packed = gzip.decompress(base64.b64decode(_data(page)["arrays"]["unfit"]))
    bits = np.unpackbits(np.frombuffer(packed, np.uint8), bitorder="little")
    assert np.flatnonzero(bits).tolist() == [0, 1, 2, 4]  # the fourth is fixed by hand


def test_an_export_holds_the_replay_where_there_is_a_map(case: dict, tmp_path: Path) -> None:
    given = {"formats": ["replay"], "progress": silent}
    drawn = export(case["labels"], case["images"], tmp_path / "a", projection=case["projection"],
                   prototype_map=case["prototype_map"], **given)  # fmt: skip
    assert (drawn.folder / "replay.html").stat().st_size > 50_000
    plain = export(case["labels"], case["images"], tmp_path / "b", **given)
    assert not (plain.folder / "replay.html").exists()


def test_the_page_plays_from_a_file_without_a_network(case: dict, tmp_path: Path) -> None:
    path = write_replay(tmp_path / "replay.html", **case)
    with browser(tmp_path / "profile") as context:
        page = context.new_page()
        errors: list[str] = []
        asked: list[str] = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        page.wait_for_selector(".pl-map[data-frames]")
        heading, entry = page.locator("section h2"), page.locator(".pl-entry .pl-label").first
        assert heading.text_content() == "Zero-shot, before refinement"
        assert entry.text_content() == case["labels"].names[0]
        page.locator(".pl-stage").focus()
        for _ in range(3):
            page.keyboard.press("ArrowRight")
        page.wait_for_function("document.querySelector('h2').textContent.includes('kept')")
        # The legend is drawn with the next frame.
        page.wait_for_function(
            "wanted => [...document.querySelectorAll('.pl-count')]"
            ".map((count) => Number(count.textContent.replaceAll(',', ''))).join() === wanted",
            arg=",".join(map(str, case["labels"].counts)),
        )
        assert page.locator(".pl-findings li").count() >= 1
        k, x, y = map(float, page.locator(".pl-map").get_attribute("data-view").split())
        xy = case["projection"].astype(float)
        side = np.ptp(xy, axis=0).max()
        spot = (
            (xy[7, 0] - xy[:, 0].min()) / side * k + x,
            (xy[:, 1].max() - xy[7, 1]) / side * k + y,
        )
        box = page.locator(".pl-stage").bounding_box()
        page.mouse.move(box["x"] + spot[0], box["y"] + spot[1])
        page.locator(".pl-card:not([hidden])").wait_for()
        assert "img" in page.locator(".pl-facts").inner_text()
        assert errors == []
        assert [url for url in asked if not url.startswith(("file:", "blob:", "data:"))] == []
