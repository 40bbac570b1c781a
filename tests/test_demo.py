"""The demo: from pixels to dataset, with figures that mean what they say."""

from __future__ import annotations

import json

from protolabel.demo import run_demo


def test_demo_goes_from_pixels_to_a_dataset_and_runs_again(tmp_path):
    said: list[str] = []
    run_demo(tmp_path, per_class=10, say=said.append)
    dataset = tmp_path / "annotated_dataset"
    about = json.loads((dataset / "metadata.json").read_text())
    assert about["n_images"] == 50
    assert list(dataset.with_name("annotated_dataset_plots").glob("*.png"))
    figures = {
        line[2:11].strip(): float(line[11:].split()[0])
        for line in said
        if line.startswith(("  zero-shot", "  plain", "  anchored", "  five pins"))
    }
    assert set(figures) == {"zero-shot", "plain", "anchored", "five pins"}
    assert all(0.2 < figure <= 1 for figure in figures.values())
    assert figures["plain"] < figures["zero-shot"] < figures["five pins"]
    assert "pins" not in (dataset / "report.txt").read_text() or not about.get("pins")
    # Fewer pictures the second time: what the first left behind takes no part.
    run_demo(tmp_path, per_class=8, say=said.append)
    assert json.loads((dataset / "metadata.json").read_text())["n_images"] == 40
