"""The vectors of a session: by the encoder, by a second one, and their neighbours."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import traitlets

from protolabel.clustering.neighbors import KnnGraph, knn_graph
from protolabel.clustering.presets import Preset, choose_preset
from protolabel.embedding.cache import cache_folder
from protolabel.embedding.embed import Embeddings, embed_images
from protolabel.embedding.visual import check_visual, embed_visual
from protolabel.encoders.loading import DEFAULT_MODEL, Encoder, load_encoder
from protolabel.images.image_set import ImageSet, check_folder, find_images
from protolabel.session.judging import Judging

if TYPE_CHECKING:
    import os

    from protolabel.session.stages import Stages

__all__ = ["SessionVectors"]


class SessionVectors(Judging):
    """The part of a `Session` that turns images into vectors."""

    visual = traitlets.Any(None)
    _stages: Stages

    def __init__(
        self,
        source: Any,
        encoder: tuple[Any, Any, str],
        store: str | os.PathLike[str] | None,
        **traits: Any,
    ) -> None:
        if not isinstance(source, Embeddings | ImageSet):
            check_folder(source)
        self._loading = threading.RLock()
        self._source = source
        self._encoder_choice = encoder
        self._encoder: Encoder | None = None
        self._store = store
        super().__init__(**traits)

    @traitlets.validate("visual")
    def _valid_visual(self, proposal: Any) -> Any:
        if proposal["value"] is not None:
            check_visual(proposal["value"])
        return proposal["value"]

    @property
    def encoder(self) -> Encoder:
        """The encoder, loaded when it is first needed."""
        with self._loading:
            if self._encoder is None:
                model, pretrained, device = self._encoder_choice
                if model is None and isinstance(self._source, Embeddings):
                    self._encoder = self._source.encoder.load(device=device)
                else:
                    self._encoder = load_encoder(
                        DEFAULT_MODEL if model is None else model, pretrained, device=device
                    )
            return self._encoder

    @property
    def _images(self) -> ImageSet:
        """What was found, before the pixels are read; `embeddings` has those that can be."""
        if isinstance(self._source, Embeddings):
            return self._source.images
        if isinstance(self._source, ImageSet):
            return self._source
        return self._stages.get("images", lambda: find_images(self._source))

    @property
    def embeddings(self) -> Embeddings:
        """One vector per readable image."""
        return self._stages.get("embeddings", self._embed)

    def _embed(self) -> Embeddings:
        if isinstance(self._source, Embeddings):
            return self._source
        store = self._store or cache_folder(self._images.root, self.encoder.name)
        return embed_images(self._images, self.encoder, store=store, progress=self._report)

    @property
    def visual_embeddings(self) -> Embeddings | None:
        """One visual vector per image of `embeddings`; None without a second encoder."""
        if self.visual is None:
            return None
        return self._stages.get("visual", self._embed_visual)

    def _embed_visual(self) -> Embeddings:
        return embed_visual(
            self.visual,
            self.embeddings.images,
            store=self._store,
            device=self._encoder_choice[2],
            progress=self._report,
        )

    @property
    def graph(self) -> KnnGraph:
        """Nearest neighbours of every image."""
        return self._stages.get("graph", lambda: self._neighbors(self.embeddings))

    @property
    def visual_graph(self) -> KnnGraph | None:
        """Nearest neighbours by the visual vectors; None without a second encoder."""
        visual = self.visual_embeddings
        if visual is None:
            return None
        return self._stages.get("visual_graph", lambda: self._neighbors(visual))

    def _neighbors(self, embedded: Embeddings) -> KnnGraph:
        return knn_graph(embedded.vectors, self._preset.neighbors, seed=self.seed)

    @property
    def _preset(self) -> Preset:
        return choose_preset(self.preset, len(self.embeddings))

    def _report(self, phase: str, done: int, total: int) -> None:
        raise NotImplementedError
