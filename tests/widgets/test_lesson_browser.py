"""The lesson on the collapse, as a widget and as a page, in a browser."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pytest
from host import serious

from protolabel.common.progress import silent
from protolabel.errors import ExportError, InputError
from protolabel.samples import write_sample_pictures
from protolabel.session.session import Session
from protolabel.widgets.lesson import LoopLesson

CLASSES = ("elephant", "zebra", "rabbit", "panda", "owl")


@pytest.fixture(scope="module")
def chalk(tmp_path_factory: pytest.TempPathFactory) -> Session:
    root = tmp_path_factory.mktemp("lesson")
    pictures = write_sample_pictures(
        root / "chalk", classes=CLASSES, per_class=16, styles=["chalkboard"], size=96
    )
    session = Session(
        root / "chalk", CLASSES, encoder="sample", store=root / "store", progress=silent
    )
    session.truth = pictures.truth
    return session


@pytest.fixture
def lesson(chalk: Session) -> LoopLesson:
    return LoopLesson(chalk, iterations=6)


def shown(page: Any) -> list[str]:
    return page.locator(".pl-says").all_inner_texts()


def wait_for(page: Any, place: int, step: int) -> None:
    page.wait_for_selector(f'.pl-lesson[data-shown="{place} {step}"]')


def test_sliders_show_each_temperature_and_iteration_without_the_kernel(show, lesson):
    host = show(lesson)
    page, sweep = host.page, lesson.sweep
    wait_for(page, lesson.temperature, 0)
    assert f"{round(100 * sweep.accuracy[0, 0, 0])} % right" in shown(page)[0]
    heat = page.get_by_role("slider", name="Temperature")
    steps = page.get_by_role("slider", name="Iteration")
    heat.focus()
    page.keyboard.press("End")
    steps.focus()
    page.keyboard.press("End")
    last = len(sweep.temperatures) - 1
    wait_for(page, last, 6)
    plain, anchored = shown(page)
    for m, text in enumerate((plain, anchored)):
        since = sweep.collapse[m, last]
        assert (f"collapsed at iteration {since}" in text) == (since >= 0)
    assert f"{round(100 * sweep.accuracy[1, last, 6])} % right" in anchored
    assert (lesson.temperature, lesson.iteration) == (last, 6)
    fills = page.locator(".pl-side").first.locator("circle").evaluate_all(
        "nodes => nodes.map((node) => Number(node.style.fill.match(/class-(\\d+)/)[1]))"
    )  # fmt: skip
    np.testing.assert_array_equal(fills, sweep.labels[0, last, 6])


def test_python_moves_the_sliders_and_the_player_stops_at_the_end(show, lesson):
    host = show(lesson)
    lesson.temperature, lesson.iteration = 2, 5
    host.settle()
    wait_for(host.page, 2, 5)
    host.page.get_by_role("button", name="Play the iterations").click()
    wait_for(host.page, 2, 6)
    host.page.get_by_role("button", name="Play the iterations").wait_for()
    assert not lesson.playing


def test_it_is_accessible(show, lesson):
    host = show(lesson)
    wait_for(host.page, lesson.temperature, lesson.iteration)
    assert serious(host.page, ".pl-lesson") == []


def test_the_page_plays_from_a_file_without_a_network(context, lesson, tmp_path):
    path = lesson.to_html(tmp_path / "lesson.html", title="<b>Collapse</b>")
    page, asked, errors = context.new_page(), [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text))
    page.goto(path.as_uri())
    wait_for(page, lesson.temperature, 0)
    page.get_by_role("slider", name="Iteration").fill("6")
    wait_for(page, lesson.temperature, 6)
    assert page.locator("h1").inner_text() == "<b>Collapse</b>"
    assert page.locator(".pl-side").count() == 2
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert errors == []
    page.close()


def test_a_notebook_without_a_kernel_shows_a_picture(lesson):
    bundle = lesson._repr_mimebundle_()[0]
    assert bundle["application/vnd.jupyter.widget-view+json"]["model_id"] == lesson.model_id
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")


def test_a_page_that_cannot_be_written_is_a_clear_error(lesson, tmp_path):
    with pytest.raises(InputError, match="in a folder that exists"):
        lesson.to_html(tmp_path / "absent" / "lesson.html")
    (tmp_path / "taken").mkdir()
    with pytest.raises(ExportError, match="choose another path"):
        lesson.to_html(tmp_path / "taken")
