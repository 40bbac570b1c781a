from __future__ import annotations

import json
import logging
import sys
import types
from types import SimpleNamespace

import numpy as np
import open_clip
import pytest
import safetensors.torch
import torch
from fakes import ColourEncoder, draw
from open_clip.transformer import QuickGELU
from PIL import Image

from protolabel.embedding.prompts import ClassPrompts
from protolabel.encoders import (
    CallableEncoder,
    Encoder,
    EncoderInfo,
    checkpoints,
    encoder_info,
    load_encoder,
    unit_rows,
)
from protolabel.encoders.openclip import OpenClipEncoder
from protolabel.errors import EncoderError, InputError, Stopped, VocabularyError

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 1, "width": 64, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 1},
}
ALL_TAGS = open_clip.pretrained._PRETRAINED


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    """A tiny architecture that open_clip knows as "Tiny-32", with random weights on disk."""
    folder = tmp_path_factory.mktemp("tiny")
    for name, quick in (("Tiny-32", False), ("Tiny-32-quickgelu", True)):
        (folder / f"{name}.json").write_text(
            json.dumps(TINY | ({"quick_gelu": True} if quick else {}))
        )
    (folder / "Tiny-64.json").write_text(json.dumps(TINY | {"embed_dim": 32}))
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    weights = open_clip.create_model("Tiny-32").state_dict()
    safetensors.torch.save_file(weights, folder / "tiny.safetensors")
    torch.save(weights, folder / "tiny.pt")
    torch.save({"state_dict": weights, "epoch": 3}, folder / "trained.pth")
    return folder


@pytest.fixture
def tagged(tiny, monkeypatch):
    """The tags "own" and "openai" of Tiny-32, as if the hub had them; downloads are counted."""
    config = open_clip.pretrained._pcfg(hf_hub="nobody/tiny/")
    tags = {"own": config, "openai": config | {"quick_gelu": True}}
    monkeypatch.setitem(ALL_TAGS, "Tiny-32", tags)
    downloads = []
    monkeypatch.setattr(checkpoints, "_probe", lambda *_: None)
    monkeypatch.setattr(
        open_clip,
        "download_pretrained",
        lambda config: downloads.append(config) or str(tiny / "tiny.safetensors"),
    )
    return downloads


@pytest.fixture(scope="session")
def local(tiny):
    return load_encoder("Tiny-32", tiny / "tiny.safetensors", device="cpu")


class TestOpenClipEncoder:
    def test_it_is_an_encoder_with_unit_rows(self, local):
        assert isinstance(local, Encoder)
        rows = local.encode_images([draw("red"), draw("blue")])
        texts = local.encode_texts(["a dog", "a cat", "a dog"])
        for found, count in ((rows, 2), (texts, 3)):
            assert found.shape == (count, local.dim) == (count, 16)
            assert found.dtype == np.float32
            np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
        np.testing.assert_array_equal(texts[0], texts[2])
        assert not np.allclose(texts[0], texts[1])

    def test_the_vectors_are_open_clips_own(self, local, tiny):
        model, preprocess = open_clip.create_model_from_pretrained(
            "Tiny-32", str(tiny / "tiny.safetensors")
        )
        model.eval()
        image = draw("green", size=(50, 40))
        with torch.no_grad():
            pixels = model.encode_image(preprocess(image)[None], normalize=True).numpy()
            tokens = open_clip.get_tokenizer("Tiny-32")(["a green thing"])
            words = model.encode_text(tokens, normalize=True).numpy()
        np.testing.assert_allclose(local.encode_images([image]), pixels, atol=1e-5)
        np.testing.assert_allclose(local.encode_texts(["a green thing"]), words, atol=1e-5)

    def test_preprocessed_images_give_the_same_vectors(self, local):
        images = [draw("red"), draw("blue", size=(90, 20))]
        ready = [local.preprocess(image) for image in images]
        np.testing.assert_array_equal(local.encode_images(images), local.encode_images(ready))

    def test_a_collated_batch_gives_the_same_vectors(self, local):
        images = [draw("red"), draw("blue")]
        batch = local.collate(images)
        assert len(batch) == 2
        np.testing.assert_array_equal(local.encode_images(batch), local.encode_images(images))

    def test_a_batch_holds_the_pixels_that_open_clip_would_prepare(self, local, tiny):
        _, theirs = open_clip.create_model_from_pretrained(
            "Tiny-32", str(tiny / "tiny.safetensors")
        )
        images = [draw("red"), draw("blue", size=(90, 20))]
        wanted = torch.stack([theirs(image) for image in images])
        pixels = [local.pixels(image) for image in images]
        assert {one.dtype for one in pixels} == {torch.uint8}  # bytes, until they are a batch
        prepared = [local.preprocess(image) for image in images]
        for batch in (images, pixels, prepared):
            torch.testing.assert_close(local.collate(batch), wanted, rtol=0, atol=0)

    def test_nothing_in_nothing_out(self, local):
        assert local.encode_images([]).shape == (0, 16)
        assert local.encode_texts([]).shape == (0, 16)

    def test_more_texts_than_one_batch(self, local):
        texts = [f"thing {i}" for i in range(300)]
        rows = local.encode_texts(texts)
        assert rows.shape == (300, 16)
        np.testing.assert_allclose(rows[299], local.encode_texts(texts[299:])[0], atol=1e-5)

    def test_the_logit_scale_is_the_exponential(self, local):
        assert local.logit_scale == pytest.approx(1 / 0.07, rel=1e-4)  # how CLIP starts training

    def test_a_very_long_image_is_not_blown_up(self, local, monkeypatch):
        seen = []
        resize = Image.Image.resize
        monkeypatch.setattr(
            Image.Image,
            "resize",
            lambda self, size, *a, **k: seen.append(size) or resize(self, size, *a, **k),
        )
        strip = Image.new("RGB", (20_000, 2), "red")
        strip.paste("blue", (9_990, 0, 10_010, 2))
        middle = local.preprocess(strip)
        assert max(max(size) for size in seen) <= 32 * 20
        assert middle[2].mean() > middle[0].mean()  # what is left is the middle, which is blue

    def test_overflow_is_told_and_not_stored(self, local, monkeypatch):
        monkeypatch.setattr(
            local._model, "encode_image", lambda batch: torch.full((len(batch), 16), torch.inf)
        )
        with pytest.raises(EncoderError, match="fp32"):
            local.encode_images([draw()])

    def test_half_precision_on_request(self, tiny, local):
        half = load_encoder("Tiny-32", tiny / "tiny.pt", device="cpu", precision="bf16")
        assert next(half._model.visual.conv1.parameters()).dtype == torch.bfloat16
        rows = half.encode_images([draw()])
        assert rows.dtype == np.float32
        assert (rows * local.encode_images([draw()])).sum() > 0.99

    def test_auto_is_full_precision_on_the_cpu(self, local):
        assert (local.precision, local.device) == ("fp32", "cpu")

    @pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device here")
    def test_a_gpu_gives_the_vectors_of_the_cpu(self, tiny, local):
        images = [draw(colour, size=(70, 50)) for colour in ("red", "green", "blue")]
        there = load_encoder("Tiny-32", tiny / "tiny.safetensors")
        assert (there.device, there.precision) == ("cuda", "fp16")
        for ours, theirs in (
            (local.encode_images(images), there.encode_images(images)),
            (local.encode_texts(["a dog"]), there.encode_texts(["a dog"])),
        ):
            assert theirs.dtype == np.float32
            assert np.sum(ours * theirs, axis=1).min() > 0.999

    def test_the_root_logger_is_left_as_it_was(self, tiny):
        root = logging.getLogger()
        before, root.handlers = root.handlers, []
        try:
            load_encoder("Tiny-32", tiny / "tiny.pt", device="cpu")
            assert root.handlers == []
        finally:
            root.handlers = before


class TestLocalCheckpoint:
    @pytest.mark.parametrize("name", ["tiny.safetensors", "tiny.pt", "trained.pth"])
    def test_every_kind_gives_the_same_vectors(self, tiny, local, name):
        encoder = load_encoder("Tiny-32", str(tiny / name), device="cpu")
        np.testing.assert_array_equal(
            encoder.encode_images([draw()]), local.encode_images([draw()])
        )

    def test_the_name_is_the_content(self, tiny, local, tmp_path):
        assert local.name.startswith("Tiny-32/sha256-")
        (tmp_path / "moved.safetensors").write_bytes((tiny / "tiny.safetensors").read_bytes())
        moved = load_encoder("Tiny-32", tmp_path / "moved.safetensors", device="cpu")
        assert moved.name == local.name
        weights = safetensors.torch.load_file(tiny / "tiny.safetensors")
        weights["logit_scale"] = weights["logit_scale"] + 1
        safetensors.torch.save_file(weights, tmp_path / "moved.safetensors")
        other = load_encoder("Tiny-32", tmp_path / "moved.safetensors", device="cpu")
        assert other.name != local.name

    def test_the_model_name_decides_about_quickgelu(self, tiny, local):
        quick = load_encoder("Tiny-32-quickgelu", tiny / "tiny.pt", device="cpu")
        assert _has_quick_gelu(quick)
        assert not _has_quick_gelu(local)
        assert not np.allclose(quick.encode_texts(["a"]), local.encode_texts(["a"]))

    def test_weights_of_another_architecture(self, tiny):
        with pytest.raises(EncoderError, match=r"'Tiny-64'.*do not fit") as caught:
            load_encoder("Tiny-64", tiny / "tiny.pt", device="cpu")
        assert "list_models" in str(caught.value)

    def test_code_in_a_checkpoint_is_not_run(self, tiny, tmp_path):
        class Trap:
            def __reduce__(self):
                return open, (str(tmp_path / "sprung"), "w")

        torch.save({"state_dict": Trap()}, tmp_path / "trap.pt")
        with pytest.raises(EncoderError, match="without running code"):
            load_encoder("Tiny-32", tmp_path / "trap.pt", device="cpu")
        assert not (tmp_path / "sprung").exists()

    @pytest.mark.parametrize("name", ["x.pt", "x.safetensors", "x.bin"])
    def test_a_damaged_file(self, tiny, tmp_path, name):
        (tmp_path / name).write_bytes(b"no weights at all")
        with pytest.raises(EncoderError, match="damaged"):
            load_encoder("Tiny-32", tmp_path / name, device="cpu")

    @pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")
    def test_a_torchscript_program(self, tiny, tmp_path):
        torch.jit.script(torch.nn.Linear(2, 2)).save(tmp_path / "ViT-B-32.pt")
        with pytest.raises(EncoderError, match="TorchScript"):
            load_encoder("Tiny-32", tmp_path / "ViT-B-32.pt", device="cpu")

    def test_a_file_that_does_not_exist(self, tiny):
        with pytest.raises(InputError, match=r"gone\.pt.*does not exist"):
            load_encoder("Tiny-32", tiny / "gone.pt")

    def test_a_folder_is_not_called_missing(self, tiny, local):
        with pytest.raises(InputError, match="is a folder"):
            load_encoder("Tiny-32", tiny)
        (tiny / "own").mkdir()
        with pytest.raises(InputError, match=f"got '{tiny}/own'.*'local-dir:{tiny}/own'"):
            load_encoder(str(tiny / "own"))

    def test_a_model_of_the_hub_is_named_as_it_was_given_and_as_it_is_loaded(self):
        with pytest.raises(InputError, match=r"got 'laion/other'.*'hf-hub:laion/other'"):
            load_encoder("laion/other")

    def test_a_file_of_another_kind(self, tiny):
        with pytest.raises(InputError, match=r"ending in \.safetensors"):
            load_encoder("Tiny-32", tiny / "Tiny-32.json")

    def test_open_clips_own_folders(self, tiny, tmp_path, local):
        (tmp_path / "open_clip_config.json").write_text(json.dumps({"model_cfg": TINY}))
        (tmp_path / "model.safetensors").write_bytes((tiny / "tiny.safetensors").read_bytes())
        encoder = load_encoder(f"local-dir:{tmp_path}", device="cpu")
        np.testing.assert_array_equal(encoder.encode_texts(["a"]), local.encode_texts(["a"]))
        assert load_encoder(encoder.info, device="cpu").name == encoder.name
        with pytest.raises(InputError, match=r"open_clip_config\.json"):
            load_encoder(f"local-dir:{tmp_path / 'empty'}")

    @pytest.mark.slow
    def test_the_real_architecture_from_a_file(self, tmp_path):
        path = tmp_path / "random.safetensors"
        safetensors.torch.save_file(open_clip.create_model("ViT-B-32").state_dict(), path)
        encoder = load_encoder("ViT-B-32", path, device="cpu")
        assert encoder.encode_images([draw()]).shape == (1, 512)
        assert encoder.encode_texts(["a dog"]).shape == (1, 512)


class TestTags:
    def test_a_tag_names_model_and_weights(self, tagged, local):
        encoder = load_encoder("Tiny-32", "own", device="cpu")
        assert encoder.name == "Tiny-32/own"
        assert encoder.info == EncoderInfo("Tiny-32/own", 16, encoder.logit_scale, "Tiny-32", "own")
        np.testing.assert_array_equal(encoder.encode_texts(["a"]), local.encode_texts(["a"]))
        assert not _has_quick_gelu(encoder)

    def test_openai_weights_get_quickgelu_under_the_plain_name(self, tagged):
        assert _has_quick_gelu(load_encoder("Tiny-32", "OpenAI", device="cpu"))

    def test_the_tags_own_pixels_are_used(self, tagged, monkeypatch):
        monkeypatch.setitem(ALL_TAGS["Tiny-32"]["own"], "mean", (0.0, 0.0, 0.0))
        monkeypatch.setitem(ALL_TAGS["Tiny-32"]["own"], "std", (1.0, 1.0, 1.0))
        encoder = load_encoder("Tiny-32", "own", device="cpu")
        white = encoder.preprocess(Image.new("RGB", (40, 40), "white"))
        assert (white.min(), white.max()) == (1, 1)

    def test_the_only_tag_is_the_default(self, tagged, monkeypatch):
        with pytest.raises(InputError, match="pretrained=one of own, openai"):
            load_encoder("Tiny-32")
        monkeypatch.delitem(ALL_TAGS["Tiny-32"], "openai")
        assert load_encoder("Tiny-32", device="cpu").name == "Tiny-32/own"

    def test_the_default_of_the_default_model(self):
        assert checkpoints._DEFAULT_TAGS["ViT-B-32"] in open_clip.list_pretrained_tags_by_model(
            "ViT-B-32"
        )

    def test_weights_in_the_cache_need_no_network(self, tagged, tiny, monkeypatch):
        asked = []

        def cache(repo, file):
            asked.append((repo, file))
            return str(tiny / "tiny.pt") if file.endswith(".bin") else None

        monkeypatch.setattr("huggingface_hub.try_to_load_from_cache", cache)
        load_encoder("Tiny-32", "own", device="cpu")
        assert tagged == []
        assert asked == [
            ("nobody/tiny", "open_clip_model.safetensors"),
            ("nobody/tiny", "open_clip_pytorch_model.bin"),
        ]

    @pytest.mark.parametrize(
        ("model", "near"),
        [("ViT-B32", "'ViT-B-32'"), ("vit-l-14", "'ViT-L-14'"), ("RN-50", "'RN50'")],
    )
    def test_an_unknown_model_with_near_ones(self, model, near):
        with pytest.raises(InputError, match=near):
            load_encoder(model)

    def test_an_unknown_tag_with_near_ones(self):
        with pytest.raises(InputError, match=r"Did you mean 'laion2b_s34b_b79k'.*openai"):
            load_encoder("ViT-B-32", "laion2b_s34b")

    @pytest.mark.parametrize("model", ["sample", "hf-hub:org/model"])
    def test_models_that_bring_their_weights(self, model):
        with pytest.raises(InputError, match="leave it out"):
            load_encoder(model, "openai")


class TestNoNetwork:
    @pytest.fixture
    def hub(self, monkeypatch):
        """A hub whose answers the test sets; counts how often it was asked."""
        import huggingface_hub

        hub = SimpleNamespace(answers=[], asked=0)

        def header(url, timeout):
            hub.asked += 1
            answer = hub.answers.pop(0)
            if answer is not None:
                raise answer

        monkeypatch.setattr(huggingface_hub, "get_hf_file_metadata", header)
        monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_: None)
        monkeypatch.setattr(checkpoints.time, "sleep", lambda _: None)
        return hub

    def test_one_clear_message_that_says_what_to_do(self, hub, monkeypatch):
        hub.answers = [OSError("no route"), OSError("no route")]
        monkeypatch.setattr(open_clip, "download_pretrained", lambda _: pytest.fail("retries 46 s"))
        with pytest.raises(EncoderError) as caught:
            load_encoder("ViT-B-32")
        message = str(caught.value)
        for part in (
            "ViT-B-32/laion2b_s34b_b79k", "no route", "--pretrained path/to/weights.safetensors",
            "load_encoder('ViT-B-32', 'path/to/weights.safetensors')", "load_encoder('sample')",
        ):  # fmt: skip
            assert part in message
        assert caught.value.__suppress_context__  # no page of socket layers above it

    def test_a_hiccup_is_forgiven(self, hub, monkeypatch, tiny, tagged):
        monkeypatch.setattr(checkpoints, "_probe", _REAL_PROBE)
        hub.answers = [OSError("hiccup"), None]
        load_encoder("Tiny-32", "own", device="cpu")
        assert (hub.asked, len(tagged)) == (2, 1)

    def test_any_answer_of_the_hub_lets_the_download_try(self, hub, monkeypatch, tagged):
        from huggingface_hub.errors import HfHubHTTPError

        monkeypatch.setattr(checkpoints, "_probe", _REAL_PROBE)
        hub.answers = [HfHubHTTPError.__new__(HfHubHTTPError)]
        load_encoder("Tiny-32", "own", device="cpu")
        assert len(tagged) == 1

    def test_a_download_that_breaks_off(self, hub, monkeypatch, tagged):
        def broken(config):
            raise FileNotFoundError("cut")

        monkeypatch.setattr(open_clip, "download_pretrained", broken)
        with pytest.raises(EncoderError, match=r"Tiny-32/own.*FileNotFoundError: cut"):
            load_encoder("Tiny-32", "own")

    def test_offline_mode_is_not_asked_twice(self, hub, monkeypatch):
        from huggingface_hub.errors import OfflineModeIsEnabled

        hub.answers = [OfflineModeIsEnabled("offline")]
        with pytest.raises(EncoderError, match="could not be downloaded"):
            load_encoder("ViT-B-32")
        assert hub.asked == 1

    def test_models_of_the_hub_by_name(self, hub):
        hub.answers = [OSError("x"), OSError("x")]
        with pytest.raises(EncoderError, match="could not be downloaded"):
            load_encoder("hf-hub:org/model")


class TestLocalPreprocessing:
    """A local file is prepared as the published weights of its model are."""

    HALF = (0.5, 0.5, 0.5)

    def tags(self, monkeypatch, **tags):
        configs = {
            tag: open_clip.pretrained._pcfg(hf_hub="nobody/tiny/", mean=mean, std=self.HALF)
            for tag, mean in tags.items()
        }
        monkeypatch.setitem(ALL_TAGS, "Tiny-32", configs)

    def grey(self, encoder):
        return float(encoder.preprocess(Image.new("RGB", (32, 32), (0, 0, 0)))[0, 0, 0])

    def test_tags_that_agree_say_it(self, tiny, monkeypatch):
        self.tags(monkeypatch, one=self.HALF, two=self.HALF)
        encoder = load_encoder("Tiny-32", tiny / "tiny.safetensors", device="cpu")
        assert self.grey(encoder) == pytest.approx(-1.0)

    def test_tags_that_differ_are_asked_about(self, tiny, monkeypatch):
        self.tags(monkeypatch, one=self.HALF, two=(0.25, 0.25, 0.25))
        with pytest.raises(InputError, match=r"'Tiny-32\.one'.*one, two"):
            load_encoder("Tiny-32", tiny / "tiny.safetensors", device="cpu")
        encoder = load_encoder("Tiny-32.two", tiny / "tiny.safetensors", device="cpu")
        assert self.grey(encoder) == pytest.approx(-0.5)
        assert self.grey(load_encoder(encoder.info, device="cpu")) == pytest.approx(-0.5)

    def test_a_tag_may_follow_the_name_of_the_model(self, tagged):
        assert load_encoder("Tiny-32.own", device="cpu").name == "Tiny-32/own"


class TestSample:
    @pytest.fixture
    def sample(self, monkeypatch, tiny):
        """Stand in for the bundled weights, so that this file tests only the way to them."""
        model, preprocess = open_clip.create_model_from_pretrained(
            "Tiny-32", str(tiny / "tiny.safetensors")
        )

        def tokenizer(texts):
            if any("quark" in text for text in texts):
                raise VocabularyError("not taught")
            return open_clip.get_tokenizer("Tiny-32")(texts)

        module = types.ModuleType("protolabel.samples.encoder")
        module.load_sample_model = lambda device: SimpleNamespace(
            model=model.to(device), preprocess=preprocess, tokenizer=tokenizer, name="sample-1"
        )
        monkeypatch.setitem(sys.modules, "protolabel.samples.encoder", module)

    def test_it_goes_through_the_same_class(self, sample):
        encoder = load_encoder("sample", device="cpu")
        assert isinstance(encoder, OpenClipEncoder)
        assert (encoder.name, encoder.info.model) == ("sample-1", "sample")
        assert load_encoder(encoder.info, device="cpu").name == "sample-1"

    def test_an_unknown_word_comes_through_as_itself(self, sample):
        with pytest.raises(VocabularyError, match="not taught"):
            load_encoder("sample", device="cpu").encode_texts(["a quark"])

    def test_the_bundled_weights_themselves(self):
        encoder = load_encoder("sample", device="cpu")
        rows = encoder.encode_images([draw(), draw("blue")])
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
        prompts = ClassPrompts.parse(["dog", "giraffe"])  # the default templates are taught
        assert encoder.encode_texts(prompts.of(0) + prompts.of(1)).shape == (14, encoder.dim)
        assert (
            load_encoder(EncoderInfo.from_dict(encoder.info.to_dict()), device="cpu").info
            == encoder.info
        )
        with pytest.raises(VocabularyError):
            encoder.encode_texts(["a photo of a zyzzyva"])


class TestCallable:
    def test_rows_are_checked_and_normalised(self):
        encoder = load_encoder(lambda images: [[3, 4]] * len(images), name="mine")
        assert isinstance(encoder, Encoder)
        assert (encoder.name, encoder.dim, encoder.logit_scale) == ("mine", 2, 100.0)
        rows = encoder.encode_images([draw(), draw()])
        np.testing.assert_allclose(rows, [[0.6, 0.8]] * 2)
        assert rows.dtype == np.float32
        assert encoder.encode_images([]).shape == (0, 2)

    def test_torch_tensors_with_gradients_are_fine(self):
        weight = torch.ones(3, requires_grad=True)
        encoder = load_encoder(lambda images: weight * torch.ones(len(images), 3))
        assert encoder.encode_images([draw()]).shape == (1, 3)

    def test_a_text_side(self):
        encoder = load_encoder(
            lambda images: np.ones((len(images), 2)),
            encode_texts=lambda texts: np.array([[len(text), 0.0] for text in texts]),
            logit_scale=10,
        )
        np.testing.assert_array_equal(encoder.encode_texts(["ab"]), [[1.0, 0.0]])
        assert encoder.encode_texts([]).shape == (0, 2)
        assert encoder.logit_scale == 10.0

    @pytest.mark.parametrize(
        "function",
        [
            lambda images: np.ones(3),
            lambda images: np.ones((len(images) + 1, 3)),
            lambda images: np.ones((len(images), 0)),
            lambda images: np.zeros((len(images), 3)),
            lambda images: np.full((len(images), 3), np.nan),
            lambda images: "vectors",
            lambda images: None,
        ],
    )
    def test_what_it_returns_is_checked_at_once(self, function):
        with pytest.raises(EncoderError, match="'mine'"):
            load_encoder(function, name="mine")

    def test_a_function_that_fails_is_an_encoder_error_with_its_own_message(self):
        with pytest.raises(EncoderError, match=r"'mine'.*ZeroDivisionError: division by zero"):
            load_encoder(lambda images: 1 / 0, name="mine")

    def test_stopping_from_inside_a_function_stays_a_stop(self):
        def stop(images):
            raise Stopped("enough")

        with pytest.raises(Stopped):
            load_encoder(stop)

    def test_a_length_that_changes_later(self):
        lengths = iter([3, 4])
        encoder = load_encoder(lambda images: np.ones((len(images), next(lengths))))
        with pytest.raises(EncoderError, match=r"\(1, 3\).*\(1, 4\)"):
            encoder.encode_images([draw()])

    def test_the_default_name_is_the_functions(self):
        def features(images):
            return np.ones((len(images), 2))

        assert load_encoder(features).name.endswith("features")


class TestLoadEncoder:
    def test_an_encoder_is_returned_as_it_is(self, encoder):
        assert load_encoder(encoder) is encoder

    @pytest.mark.parametrize(
        ("arguments", "options", "says"),
        [
            ((7,), {}, "got 7"),
            ((np.ones, "openai"), {}, "leave it out"),
            ((ColourEncoder,), {}, r"class ColourEncoder.*ColourEncoder\(\.\.\.\)"),
            ((EncoderInfo("a", 2, 1.0, "sample"), "openai"), {}, "leave it out"),
            (("hf-hub:",), {}, "owner/name"),
            ((np.ones,), {"name": 7}, "as a string"),
            ((np.ones,), {"logit_scale": (1, 2)}, "positive"),
            ((np.ones,), {"logit_scale": np.empty(0)}, "positive"),
            (("sample",), {"name": "x"}, "leave them out"),
            (("sample",), {"logit_scale": 3.0}, "leave them out"),
            (("sample",), {"device": "abacus"}, "got 'abacus'"),
            (("sample",), {"device": "cuda:99"}, "cuda:99"),
            (("sample",), {"precision": "int3"}, "fp32"),
            ((lambda images: np.ones((len(images), 2)),), {"logit_scale": -1.0}, "positive"),
        ],
    )
    def test_what_cannot_be_used(self, arguments, options, says):
        with pytest.raises(InputError, match=says):
            load_encoder(*arguments, **options)


class TestEncoderInfo:
    def test_round_trip_and_equality(self):
        info = EncoderInfo("a/b", 3, 50.0, "a", "b")
        assert EncoderInfo.from_dict(json.loads(json.dumps(info.to_dict()))) == info
        assert EncoderInfo.from_dict(info.to_dict() | {"later": 1}) == info

    @pytest.mark.parametrize("fields", [{}, {"name": "a"}, None, []])
    def test_damaged_fields(self, fields):
        with pytest.raises(InputError, match="to_dict"):
            EncoderInfo.from_dict(fields)

    def test_an_encoder_without_info_is_described(self, encoder):
        assert encoder_info(encoder) == EncoderInfo("mean-colour", 12, 20.0, "custom", None)

    def test_a_local_checkpoint_comes_back(self, local):
        again = load_encoder(EncoderInfo.from_dict(local.info.to_dict()), device="cpu")
        assert again.info == local.info
        np.testing.assert_array_equal(again.encode_texts(["a"]), local.encode_texts(["a"]))

    def test_a_checkpoint_that_moved_or_changed(self, tiny, tmp_path):
        path = tmp_path / "x.pt"
        path.write_bytes((tiny / "tiny.pt").read_bytes())
        info = load_encoder("Tiny-32", path, device="cpu").info
        path.write_bytes((tiny / "trained.pth").read_bytes())
        with pytest.raises(EncoderError, match="content has changed"):
            load_encoder(info, device="cpu")
        path.unlink()
        with pytest.raises(EncoderError, match=r"x\.pt.*no longer there"):
            load_encoder(info)

    @pytest.mark.parametrize("model", ["unknown", "callable", "custom"])
    def test_what_no_name_can_bring_back(self, model):
        with pytest.raises(EncoderError, match="pass the encoder"):
            load_encoder(EncoderInfo("mine", 3, 100.0, model))


def test_unit_rows_leave_directions_alone():
    rows = unit_rows([[2.0, 0.0], [0.0, 0.5]], 2, 2, "x")
    np.testing.assert_array_equal(rows, np.eye(2, dtype=np.float32))


def test_callable_encoders_can_be_built_directly():
    assert CallableEncoder(lambda images: np.ones((len(images), 2)), name="x").info == EncoderInfo(
        "x", 2, 100.0, "callable"
    )


def _has_quick_gelu(encoder):
    return any(isinstance(part, QuickGELU) for part in encoder._model.modules())


_REAL_PROBE = checkpoints._probe
