"""The source of a session's images, and their embedding."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from protolabel.embedding.cache import cache_folder
from protolabel.embedding.embed import Embeddings, embed_images
from protolabel.embedding.visual import embed_visual
from protolabel.encoders.base import UNLOADABLE
from protolabel.encoders.loading import DEFAULT_MODEL, load_encoder
from protolabel.errors import EncoderError
from protolabel.images.image_set import ImageSet
from protolabel.images.sources.finding import find_images, is_folder
from protolabel.images.sources.folder import check_folder
from protolabel.samples.encoder import sample_tokenizer

if TYPE_CHECKING:
    import os

    from protolabel.common.progress import ProgressFn
    from protolabel.embedding.prompts import ClassPrompts
    from protolabel.encoders.base import Encoder, EncoderInfo

__all__ = ["Source", "checked_record"]


class Source:
    """The input of a session: images, or their vectors, and the encoder.

    Parameters
    ----------
    given : path, ImageSet or Embeddings
        As for `Session`.
    encoder : str, callable or Encoder, optional
        As for `load_encoder`; by default "ViT-B-32", or the encoder of the embeddings.
    pretrained : str or path, optional
        As for `load_encoder`.
    device : str, default "auto"
        As for `load_encoder`.
    store : path, optional
        As for `Session`.

    Attributes
    ----------
    root : Path
        The folder that all images are under.
    recorded : EncoderInfo or None
        The encoder of the given vectors, used unless the user names another.
    trusted : bool
        Whether `recorded` may be loaded from a hub or a file.

    Raises
    ------
    InputError
        If `given` is something else, or there is no such folder.
    """

    def __init__(
        self,
        given: str | os.PathLike[str] | ImageSet | Embeddings,
        encoder: Any = None,
        pretrained: str | os.PathLike[str] | None = None,
        device: str = "auto",
        store: str | os.PathLike[str] | None = None,
    ) -> None:
        if is_folder(given):
            self.root = check_folder(given)
        elif isinstance(given, Embeddings):
            self.root = given.images.root
        else:
            # Read now: a generator can be read only once, and a list could change later.
            given = find_images(given)
            self.root = given.root
        self.given = given
        self.store = store
        self.recorded = given.encoder if isinstance(given, Embeddings) else None
        self.trusted = True
        self._choice = (encoder, pretrained, device)
        self._encoder: Encoder | None = None
        self._loading = threading.RLock()

    def __repr__(self) -> str:
        return repr(self.given)

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when it is first needed."""
        with self._loading:
            if self._encoder is None:
                model, pretrained, device = self._choice
                if model is None and self.recorded is not None:
                    self._encoder = load_encoder(
                        checked_record(self.recorded, trust=self.trusted), device=device
                    )
                else:
                    self._encoder = load_encoder(
                        DEFAULT_MODEL if model is None else model, pretrained, device=device
                    )
            return self._encoder

    def check_words(self, prompts: ClassPrompts) -> None:
        """Raise for a word that the encoder does not know, before anything is embedded.

        Raises
        ------
        VocabularyError
            If the sample encoder does not know a word; other encoders take any.
        """
        chosen = self._choice[0]
        record = self.recorded if chosen is None else getattr(chosen, "info", chosen)
        if getattr(record, "model", record) == "sample":
            tokenizer = sample_tokenizer()
            for index in range(len(prompts)):
                for text in prompts.of(index):
                    tokenizer.encode(text)

    def share(self, other: Source) -> None:
        """Use the encoder of another source, which the user chose there."""
        self._choice, self._encoder, self.trusted = other._choice, other._encoder, other.trusted

    def find(self) -> ImageSet:
        """Return all images found, before their pixels are read."""
        if isinstance(self.given, Embeddings):
            return self.given.images
        return self.given if isinstance(self.given, ImageSet) else find_images(self.given)

    def embed(self, images: ImageSet, progress: ProgressFn) -> Embeddings:
        """Return one vector for each of the `images` that can be read."""
        if isinstance(self.given, Embeddings):
            return self.given
        store = self.store or cache_folder(images.root, self.encoder.name)
        return embed_images(images, self.encoder, store=store, progress=progress)

    def embed_visual(self, visual: Any, images: ImageSet, progress: ProgressFn) -> Embeddings:
        """Return one vector for each of the `images` by a second encoder; see `embed_visual`."""
        return embed_visual(
            visual, images, store=self.store, device=self._choice[2], progress=progress
        )


def checked_record(named: EncoderInfo, *, trust: bool, option: str = "encoder") -> EncoderInfo:
    """Return the encoder named in a folder, or raise if it may not be loaded.

    Parameters
    ----------
    named : EncoderInfo
        The encoder that the folder names.
    trust : bool
        Whether it may be loaded from a hub or a file.
    option : str
        The argument by which the user can pass an encoder, for the message.

    Raises
    ------
    EncoderError
        If it cannot be loaded by name, or is not trusted.
    """
    if named.model in UNLOADABLE:
        raise EncoderError(
            f"Expected an encoder, got none: the vectors are from {named.name!r}, which cannot "
            f"be loaded by name. Pass the encoder that was used as {option}=..."
        )
    if not trust and (named.model != "sample" or named.pretrained is not None):
        raise EncoderError(
            f"Expected an encoder, got none: the folder names {named.name!r}, which is not loaded "
            f"unasked, because the folder may come from a stranger. Pass {option}=..., or "
            "trust=True if the folder is your own."
        )
    return named
