from __future__ import annotations

import numpy as np
import pytest
import safetensors.torch
import timm
import torch
from fakes import draw
from PIL import Image

import protolabel as pl
from protolabel.encoders import Encoder, EncoderInfo, checkpoints, load_encoder, timm_encoder
from protolabel.encoders.timm_encoder import is_timm_model

DINO = "vit_small_patch14_dinov2"


@pytest.fixture(scope="session")
def weights(tmp_path_factory):
    """Checkpoints with random weights: DINOv2's architecture, and two with a classifier."""
    folder = tmp_path_factory.mktemp("timm")
    torch.manual_seed(0)
    for name, classes in ((DINO, 0), ("resnet10t", 7), ("vit_tiny_patch16_224", 7)):
        state = timm.create_model(name, num_classes=classes).state_dict()
        safetensors.torch.save_file(state, folder / f"{name}.safetensors")
    torch.save(state, folder / "vit.pth")
    return folder


@pytest.fixture(scope="session")
def small(weights):
    return pl.load_encoder("resnet10t", weights / "resnet10t.safetensors", device="cpu")


def test_it_is_an_encoder_with_unit_rows(small):
    assert isinstance(small, Encoder)
    rows = small.encode_images([draw("red"), draw("blue"), draw("red")])
    assert rows.shape == (3, small.dim) == (3, 512)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(rows[0], rows[2], atol=1e-5)
    assert not np.allclose(rows[0], rows[1])
    assert small.encode_images([]).shape == (0, 512)
    ready = [small.preprocess(draw("red")), small.preprocess(draw("blue"))]
    np.testing.assert_allclose(small.encode_images(ready), rows[:2], atol=1e-5)


@pytest.mark.parametrize("name", [DINO, "vit_tiny_patch16_224", "resnet10t"])
def test_the_vectors_are_timms_own(name, weights):
    encoder = pl.load_encoder(name, weights / f"{name}.safetensors", device="cpu")
    size = {"img_size": 224} if name == DINO else {}
    model = timm.create_model(name, num_classes=0, **size)
    state = safetensors.torch.load_file(weights / f"{name}.safetensors")
    state = {key: value for key, value in state.items() if not key.startswith(("head.", "fc."))}
    convert = getattr(timm.models.vision_transformer, "checkpoint_filter_fn", None)
    model.load_state_dict(convert(state, model) if name == DINO else state)
    image = draw("green", size=(50, 40))
    with torch.no_grad():
        wanted = model.eval()(encoder.preprocess(image)[None]).numpy()
    wanted /= np.linalg.norm(wanted)
    np.testing.assert_allclose(encoder.encode_images([image]), wanted, atol=1e-4)


def test_dinov2_looks_at_224_pixels(weights):
    encoder = pl.load_encoder(DINO, weights / f"{DINO}.safetensors", device="cpu")
    assert encoder.dim == 384
    assert encoder.preprocess(draw("red")).shape == (3, 224, 224)


def test_a_long_strip_is_not_blown_up(small):
    assert small.preprocess(Image.new("RGB", (30_000, 2))).shape[0] == 3


def test_class_names_are_refused_in_plain_words(small):
    with pytest.raises(pl.EncoderError, match=r"encodes only images.*visual='resnet10t'"):
        small.encode_texts(["a dog"])
    with pytest.raises(pl.EncoderError, match="encodes only images"):
        pl.embed_classes(["dog", "cat"], small)


def test_it_comes_back_from_its_info(small, weights):
    info = EncoderInfo.from_dict(small.info.to_dict())
    assert info.name.startswith("resnet10t/sha256-")
    again = load_encoder(info, device="cpu")
    np.testing.assert_allclose(
        again.encode_images([draw("red")]), small.encode_images([draw("red")]), atol=1e-6
    )
    moved = weights / "moved.safetensors"
    moved.write_bytes((weights / "resnet10t.safetensors").read_bytes())
    assert pl.load_encoder("resnet10t", moved, device="cpu").name == small.name


def test_pickled_weights_are_read_without_running_code(weights):
    one = pl.load_encoder("vit_tiny_patch16_224", weights / "vit.pth", device="cpu")
    other = pl.load_encoder(
        "vit_tiny_patch16_224", weights / "vit_tiny_patch16_224.safetensors", device="cpu"
    )
    image = draw("blue")
    np.testing.assert_allclose(one.encode_images([image]), other.encode_images([image]), atol=1e-5)


@pytest.mark.parametrize("missing", ["bn1.weight", "layer"])
def test_weights_that_do_not_fit_leave_nothing_at_random(weights, tmp_path, missing):
    state = safetensors.torch.load_file(weights / "resnet10t.safetensors")
    part = {key: value for key, value in state.items() if not key.startswith(missing)}
    safetensors.torch.save_file(part, tmp_path / "part.safetensors")
    with pytest.raises(pl.EncoderError, match="do not fit it"):
        pl.load_encoder("resnet10t", tmp_path / "part.safetensors", device="cpu")
    with pytest.raises(pl.EncoderError, match="do not fit it"):
        pl.load_encoder(DINO, weights / "resnet10t.safetensors", device="cpu")


def test_damaged_files_unknown_tags_and_missing_files(weights, tmp_path):
    (tmp_path / "bad.safetensors").write_bytes(b"nothing")
    with pytest.raises(pl.EncoderError, match="damaged"):
        pl.load_encoder("resnet10t", tmp_path / "bad.safetensors", device="cpu")
    with pytest.raises(pl.InputError, match=r"got 'nope'.*lvd142m"):
        pl.load_encoder(DINO, "nope")
    with pytest.raises(pl.InputError, match="path of a checkpoint that exists"):
        pl.load_encoder("resnet10t", tmp_path / "missing.safetensors")
    with pytest.raises(pl.InputError, match="timm"):
        pl.load_encoder("no_such_model")


@pytest.mark.parametrize("asked", [(DINO, None), (f"{DINO}.lvd142m", None), (DINO, "lvd142m")])
def test_a_tag_is_downloaded_once_and_named(asked, weights, monkeypatch):
    files = []

    def hub_file(repo, file, wanted):
        files.append((repo, file, wanted))
        return weights / f"{DINO}.safetensors"

    monkeypatch.setattr(timm_encoder, "hub_file", hub_file)
    encoder = pl.load_encoder(*asked, device="cpu")
    assert files == [(f"timm/{DINO}.lvd142m", None, f"{DINO}.lvd142m")]
    assert encoder.name == f"{DINO}.lvd142m"
    assert load_encoder(encoder.info, device="cpu").name == encoder.name


def test_the_hub_that_is_out_of_reach(monkeypatch):
    import huggingface_hub

    def no_hub(*_, **__):
        raise ConnectionError("no route")

    monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", no_hub)
    monkeypatch.setattr(checkpoints.time, "sleep", lambda _: None)
    with pytest.raises(pl.EncoderError, match=r"--visual vit_small.*--visual-pretrained"):
        pl.load_encoder(DINO)


def test_the_hubs_file_is_the_safe_one(monkeypatch, tmp_path):
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    asked = []

    def download(repo, name, revision=None):
        asked.append((repo, name, revision))
        if name.endswith(".safetensors"):
            raise EntryNotFoundError("none")
        return str(tmp_path / name)

    monkeypatch.setattr(checkpoints, "_probe", lambda *_: None)
    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    found = checkpoints.hub_file("nobody/model@main", None, "model")
    assert found == tmp_path / "pytorch_model.bin"
    assert asked == [
        ("nobody/model", "model.safetensors", "main"),
        ("nobody/model", "pytorch_model.bin", "main"),
    ]


def test_which_names_are_timms():
    assert is_timm_model(DINO)
    assert is_timm_model(f"{DINO}.lvd142m")
    assert not is_timm_model("ViT-B-32")
    assert not is_timm_model("sample")
    assert not is_timm_model("convnext_base")  # open_clip has it with a text side
