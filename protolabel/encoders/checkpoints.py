"""Find the file with a model's weights: by tag, on the hub or in its cache, or a local file."""

from __future__ import annotations

import hashlib
import logging
import os
import time
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protolabel.common.checks import with_home
from protolabel.common.wording import did_you_mean
from protolabel.errors import EncoderError, InputError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

__all__ = ["Checkpoint", "find_checkpoint", "hub_file", "local_checkpoint", "quiet_logs"]

_DEFAULT_TAGS = {"ViT-B-32": "laion2b_s34b_b79k"}
_SUFFIXES = (".safetensors", ".pt", ".pth", ".bin")
_PROBE_SECONDS = 10.0


@dataclass(frozen=True)
class Checkpoint:
    """Weights on this machine and the open_clip options that fit them.

    Parameters
    ----------
    model : str
        Name as open_clip knows it.
    path : str or None
        The file; None if `model` has a prefix, so that open_clip finds it.
    name : str
        Model and weights, for messages and for matching vectors.
    pretrained : str or None
        The argument of `load_encoder` that finds these weights again.
    options : mapping
        Keyword arguments for ``open_clip.create_model_from_pretrained``.
    like : str
        The tag whose preprocessing a local file shares, if the caller named one.
    """

    model: str
    path: str | None
    name: str
    pretrained: str | None
    options: Mapping[str, Any] = field(default_factory=dict)
    like: str = ""

    @property
    def source(self) -> tuple[str, str | None]:
        """The arguments of `load_encoder` that find these weights again."""
        return (f"{self.model}.{self.like}" if self.like else self.model, self.pretrained)


def find_checkpoint(model: str, pretrained: str | os.PathLike[str] | None) -> Checkpoint:
    """Find the weights of a model; download them if they are not on this machine.

    Parameters
    ----------
    model : str
        An open_clip name, or one with the prefix ``hf-hub:`` or ``local-dir:``. A tag may
        follow after a dot, as in "ViT-L-14.openai"; it selects the weights or, for a local file,
        the preprocessing.
    pretrained : str, path or None
        Tag or local file.

    Returns
    -------
    Checkpoint

    Raises
    ------
    InputError
        If the model or tag is unknown, if the file does not exist, or if its preprocessing is
        ambiguous because the tags of the model differ.
    EncoderError
        If the weights cannot be downloaded, or the file cannot be read safely.
    """
    import open_clip

    for prefix in ("hf-hub:", "local-dir:"):
        if model.startswith(prefix):
            return _prefixed(model, model.removeprefix(prefix), pretrained)
    known = open_clip.list_models()
    given, like = model, ""
    model = model.replace("/", "-")
    if model not in known:
        plain, _, tag = model.rpartition(".")
        if plain in known and tag in open_clip.list_pretrained_tags_by_model(plain):
            model, like = plain, tag
            pretrained = pretrained or tag
    if model not in known:
        prefix = "local-dir:" if Path(given).is_dir() else "hf-hub:"
        named = f" With an open_clip_config.json, it is {prefix + given!r}."
        raise InputError(
            f"Expected an open_clip model name or 'sample', got {given!r}."
            f"{named if '/' in given else did_you_mean(model, known)} "
            "open_clip.list_models() lists all; timm.list_models() those that see images only."
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if pretrained is None:
        pretrained = _DEFAULT_TAGS.get(model) or (tags[0] if len(tags) == 1 else None)
    if pretrained is None:
        choice = f"one of {', '.join(tags)}, or " if tags else ""
        raise InputError(
            f"Expected the weights of {model!r}, got none: pass pretrained={choice}"
            "the path of a checkpoint file."
        )
    wanted = os.fspath(pretrained)
    tag = wanted.lower().replace("-", "_")  # open_clip normalises tags this way
    if tag in tags:
        return _tagged(model, tag, open_clip.get_pretrained_cfg(model, tag))
    path = Path(with_home(wanted))
    if path.is_file():
        options = _preprocessing(model, tags, like)
        return replace(local_checkpoint(model, path), options=options, like=like)
    if path.suffix in _SUFFIXES or os.sep in wanted:
        found = "is a folder" if path.is_dir() else "does not exist"
        raise InputError(
            f"Expected a checkpoint file, got {str(path)!r}, which {found}: check the path."
        )
    raise InputError(
        f"Expected a tag of {model!r} or the path of a checkpoint file, got {wanted!r}."
        f"{did_you_mean(tag, tags)} Its tags: {', '.join(tags) or 'none'}."
    )


def _tagged(model: str, tag: str, config: Mapping[str, Any]) -> Checkpoint:
    path = _cached(config) or _download(model, tag, config)
    _check_safe(Path(path))
    return Checkpoint(model, path, f"{model}/{tag}", tag, _options(config, quick=True))


def _options(config: Mapping[str, Any], *, quick: bool) -> dict[str, Any]:
    options = {
        "image_mean": config.get("mean"),
        "image_std": config.get("std"),
        "image_interpolation": config.get("interpolation"),
        "image_resize_mode": config.get("resize_mode"),
    }
    # OpenAI's weights need QuickGELU also under the plain model name.
    return options | ({"force_quick_gelu": bool(config.get("quick_gelu", False))} if quick else {})


def _preprocessing(model: str, tags: Sequence[str], like: str) -> dict[str, Any]:
    """Return the preprocessing of local weights: that of the model's published weights."""
    import open_clip

    if like:
        return _options(open_clip.get_pretrained_cfg(model, like), quick=True)
    kinds = {tag: _options(open_clip.get_pretrained_cfg(model, tag), quick=False) for tag in tags}
    if len({str(options) for options in kinds.values()}) > 1:
        raise InputError(
            f"Expected to know how images are prepared for local weights of {model!r}, but its "
            f"published weights differ in mean, std or resizing: name the tag that yours were "
            f"trained like, such as '{model}.{tags[0]}'. Its tags: {', '.join(tags)}."
        )
    return next(iter(kinds.values()), {})


def local_checkpoint(model: str, path: Path) -> Checkpoint:
    """Return a checked file of weights for `model`; raises as `find_checkpoint` does."""
    path = Path(os.path.abspath(path))  # noqa: PTH100 -- resolve() would follow links
    if path.suffix not in _SUFFIXES:
        raise InputError(
            f"Expected a checkpoint ending in {', '.join(_SUFFIXES)}, got {str(path)!r}."
        )
    _check_safe(path)
    # Named by content: a moved file is the same encoder, other content is another.
    return Checkpoint(model, str(path), f"{model}/sha256-{_digest([path])}", str(path))


def _prefixed(model: str, rest: str, pretrained: object) -> Checkpoint:
    if pretrained is not None:
        raise InputError(
            f"Expected no pretrained weights with {model!r}, which brings its own, "
            f"got {pretrained!r}: leave it out."
        )
    if model.startswith("hf-hub:"):
        from huggingface_hub.errors import HFValidationError
        from huggingface_hub.utils._validators import validate_repo_id

        try:
            validate_repo_id(rest.partition("@")[0])
        except HFValidationError as error:
            raise InputError(
                f"Expected a repository on the Hugging Face hub as 'hf-hub:owner/name', got "
                f"{model!r}: correct the name."
            ) from error
        files = ("open_clip_config.json",)
        if not _in_cache(rest, files):
            _probe(rest, files[0], model)
        return Checkpoint(model, None, model, None)
    folder = Path(with_home(rest))
    weights = sorted(file for file in folder.glob("*") if file.suffix in _SUFFIXES)
    config = folder / "open_clip_config.json"
    if not weights or not config.is_file():
        raise InputError(
            f"Expected a folder with open_clip_config.json and weights ({', '.join(_SUFFIXES)}), "
            f"got {str(folder)!r}."
        )
    for file in weights:
        _check_safe(file)
    folder = Path(os.path.abspath(folder))  # noqa: PTH100 -- resolve() would follow links
    name = f"local-dir/sha256-{_digest([config, *weights])}"
    return Checkpoint(f"local-dir:{folder}", None, name, None)


def _cached(config: Mapping[str, Any]) -> str | None:
    repo, file = os.path.split(config.get("hf_hub", ""))
    return _in_cache(repo, _hub_files(file)) if repo else None


def _hub_files(file: str) -> tuple[str, ...]:
    """Return the possible file names of a tag's weights on the hub, safetensors first."""
    from open_clip.constants import HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME

    if not file:
        return (HF_SAFE_WEIGHTS_NAME, HF_WEIGHTS_NAME)
    stem, suffix = os.path.splitext(file)  # noqa: PTH122 -- a name on the hub, not a path here
    return (f"{stem}.safetensors", file) if suffix in {".bin", ".pth"} else (file,)


def _in_cache(repo: str, files: tuple[str, ...]) -> str | None:
    from huggingface_hub import try_to_load_from_cache

    for file in files:
        hit = try_to_load_from_cache(repo, file)
        if isinstance(hit, str):
            return hit
    return None


def _download(model: str, tag: str, config: Mapping[str, Any]) -> str:
    import open_clip

    repo, file = os.path.split(config.get("hf_hub", ""))
    wanted = f"{model}/{tag}"
    if repo:
        _probe(repo, _hub_files(file)[-1], wanted)
    try:
        path = open_clip.download_pretrained(config)
    except Exception as error:  # noqa: BLE001 -- the hub, its cache, the disk: each has its own
        raise _no_download(wanted, error) from None
    if not path:
        raise _no_download(wanted, None)
    return str(path)


def hub_file(repo: str, file: str | None, wanted: str) -> Path:
    """Return a file of weights on the Hugging Face hub, from its cache or downloaded.

    Parameters
    ----------
    repo : str
        Name on the hub, with ``@revision`` where there is one.
    file : str or None
        Its name there; None for the usual name. Safetensors are preferred.
    wanted : str
        The model, for messages.

    Raises
    ------
    EncoderError
        If it cannot be downloaded.
    """
    import huggingface_hub
    from huggingface_hub.errors import EntryNotFoundError

    repo, _, revision = repo.partition("@")
    names = _hub_files(file) if file else ("model.safetensors", "pytorch_model.bin")
    if not _in_cache(repo, names):
        _probe(repo, names[-1], wanted, "visual")
    for name in names:
        try:
            return Path(huggingface_hub.hf_hub_download(repo, name, revision=revision or None))
        except EntryNotFoundError:
            continue
        except Exception as error:  # noqa: BLE001 -- the hub, its cache, the disk
            raise _no_download(wanted, error, "visual") from None
    raise _no_download(wanted, None, "visual")


def _probe(repo: str, file: str, wanted: str, role: str = "encoder") -> None:
    """Request one header from the hub; its own client would retry for 46 s before it failed."""
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
    from huggingface_hub.utils import logging as hub_logging

    url = huggingface_hub.hf_hub_url(repo, file)
    level = hub_logging.get_verbosity()
    hub_logging.set_verbosity_error()
    try:
        for attempt in (1, 2):
            try:
                huggingface_hub.get_hf_file_metadata(url, timeout=_PROBE_SECONDS)
            except HfHubHTTPError:
                return  # the hub answers; the download itself will say what is wrong
            except Exception as error:  # noqa: BLE001 -- its HTTP library has changed before
                if attempt == 2 or isinstance(error, OfflineModeIsEnabled):
                    # The message is complete; the chain would add a page of socket errors.
                    raise _no_download(wanted, error, role) from None
                time.sleep(1.0)
            else:
                return
    finally:
        hub_logging.set_verbosity(level)


def _no_download(wanted: str, error: Exception | None, role: str = "encoder") -> EncoderError:
    came = f" ({type(error).__name__}: {error})" if error is not None else ""
    model = wanted.partition("/")[0]
    weights = "--pretrained" if role == "encoder" else f"--{role}-pretrained"
    small = (
        "; or use the small encoder that comes with protolabel: load_encoder('sample'), "
        "--encoder sample."
    )
    return EncoderError(
        f"The weights of {wanted} are not on this machine and could not be downloaded from the "
        f"Hugging Face hub{came}. Check the connection and try again; or pass a local file: "
        f"load_encoder({model!r}, 'path/to/weights.safetensors'), on the command line "
        f"--{role} {model} {weights} path/to/weights.safetensors"
        f"{small if role == 'encoder' else '.'}"
    )


def _check_safe(path: Path) -> None:
    """Refuse a file that is damaged, or that only an unsafe reader could open."""
    try:
        if path.suffix == ".safetensors":
            from safetensors import safe_open

            with safe_open(path, framework="pt"):
                return
        import torch

        zipped = zipfile.is_zipfile(path)
        if zipped and _is_torchscript(path):
            raise EncoderError(  # noqa: TRY301 -- passed on unchanged below
                f"Expected a checkpoint of weights, got the TorchScript program {str(path)!r} "
                "(the format OpenAI published), which would run code. Pass the same weights as "
                "safetensors: for ViT-B/32 they are on the hub in "
                "timm/vit_base_patch32_clip_224.openai."
            )
        # Memory-mapped: the structure is read and checked, the tensors stay on disk.
        torch.load(path, map_location="cpu", weights_only=True, mmap=zipped)
    except EncoderError:
        raise
    except Exception as error:  # damaged bytes can raise anything
        raise EncoderError(
            f"Expected a checkpoint that can be read without running code from it, got "
            f"{str(path)!r} ({type(error).__name__}): it is damaged, or pickled with more than "
            "tensors. Save its state_dict as safetensors."
        ) from error


def _is_torchscript(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _digest(paths: list[Path]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        with path.open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:12]


@contextmanager
def quiet_logs() -> Iterator[None]:
    """Keep open_clip from configuring the root logger of a program that has not done so.

    open_clip logs with ``logging.info``, which installs a handler on first use.
    """
    root = logging.getLogger()
    if root.handlers:
        yield
        return
    handler = logging.NullHandler()
    root.addHandler(handler)
    try:
        yield
    finally:
        root.removeHandler(handler)
