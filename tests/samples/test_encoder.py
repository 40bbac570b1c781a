"""The bundled sample encoder: loads through open_clip, offline, and is as good as it says."""

import socket
import subprocess
import sys
from importlib.resources import files

import numpy as np
import pytest
import torch
from benchmarks.sample_encoder.evaluate import zero_shot

from protolabel.errors import EncoderError
from protolabel.samples import (
    ANIMALS,
    DEMO_CLASSES,
    DEMO_STYLES,
    MODEL_NAME,
    TRAINING_STYLES,
    draw_animal,
    load_sample_model,
)

# What was measured is in MODEL_CARD.md; the floors leave room for few pictures and other CPUs.
TRAINING_FLOOR = 0.93
DEMO_FLOOR = 0.78


@pytest.fixture(scope="module")
def sample():
    return load_sample_model()


def test_the_wheel_carries_what_the_encoder_needs():
    folder = files("protolabel.samples") / "sample_encoder"
    for name in ("open_clip_config.json", "open_clip_model.safetensors", "vocabulary.txt"):
        assert (folder / name).is_file()
    assert len((folder / "open_clip_model.safetensors").read_bytes()) < 5_000_000
    assert (files("protolabel.samples") / "MODEL_CARD.md").is_file()


def test_it_loads_without_network_and_leaves_open_clip_as_it_was(monkeypatch):
    import open_clip

    def refuse(*args, **kwargs):
        raise AssertionError("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    before = open_clip.list_models()
    loaded = load_sample_model()
    assert open_clip.list_models() == before
    assert loaded.name == MODEL_NAME
    assert not loaded.model.training
    assert {p.dtype for p in loaded.model.parameters()} == {torch.float32}


def test_both_towers_answer_with_finite_vectors(sample):
    picture = sample.preprocess(draw_animal("owl", style="night", seed=1))
    with torch.inference_mode():
        image = sample.model.encode_image(picture[None])
        text = sample.model.encode_text(sample.tokenizer(["an owl", "a grey cat"]))
    assert image.shape[1] == text.shape[1]
    for vectors in (image, text):
        assert torch.isfinite(vectors).all()
        assert (vectors.norm(dim=1) > 1e-3).all()
    assert 1 < sample.model.logit_scale.exp() <= 100.01


@pytest.mark.parametrize(
    ("styles", "floor"), [(TRAINING_STYLES, TRAINING_FLOOR), (DEMO_STYLES, DEMO_FLOOR)]
)
def test_zero_shot_accuracy_of_new_drawings(sample, styles, floor):
    right = []
    for style in styles:
        truth, cosine = zero_shot(sample, ANIMALS, style, per_class=4, seed=77, size=96)
        right.extend(truth == cosine.argmax(axis=1))
    assert np.mean(right) >= floor


def test_templates_and_synonyms_agree_with_the_class_name(sample):
    with torch.inference_mode():

        def vectors(texts):
            return torch.nn.functional.normalize(sample.model.encode_text(sample.tokenizer(texts)))

        names = vectors([f"a photo of a {name}" for name in ANIMALS])
        for texts in (
            [f"a sketch of the {name}." for name in ANIMALS],
            [f"a blurry photo of many {name}" for name in ANIMALS],
        ):
            assert (vectors(texts) @ names.T).argmax(dim=1).tolist() == list(range(len(ANIMALS)))
        other = vectors(["a puppy", "a kitten", "a bunny"]) @ names.T
    assert [ANIMALS[i] for i in other.argmax(dim=1)] == ["dog", "cat", "rabbit"]


def test_pictures_of_one_animal_lie_close_together_in_unseen_styles(sample):
    pictures = [
        sample.preprocess(draw_animal(name, style=style, seed=k, size=96))
        for name in DEMO_CLASSES
        for style in DEMO_STYLES
        for k in range(4)
    ]
    with torch.inference_mode():
        image = torch.nn.functional.normalize(sample.model.encode_image(torch.stack(pictures)))
    truth = np.repeat(np.arange(len(DEMO_CLASSES)), len(DEMO_STYLES) * 4)
    similar = (image @ image.T).fill_diagonal_(-1)
    nearest = similar.argmax(dim=1).numpy()
    assert (truth == truth[nearest]).mean() > 0.6


def test_a_missing_folder_is_a_clear_error(tmp_path):
    with pytest.raises(EncoderError, match="could not be loaded"):
        load_sample_model(folder=tmp_path)


def test_importing_the_samples_loads_no_torch():
    code = "import sys, protolabel.samples as s; s.draw_animal; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
