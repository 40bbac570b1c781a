"""Send the large view of an image: the picture, its votes, and the most similar images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from protolabel.browser.atlas import large_picture
from protolabel.refinement.votes import image_votes
from protolabel.widgets.grid import tiles_of
from protolabel.widgets.panel import colours_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from protolabel.refinement.labels import Labels
    from protolabel.session.session import Session
    from protolabel.widgets.grid import ThumbGrid, Thumbnails

__all__ = ["send_large"]

_NEAR = 8  # nearest pictures that are shown
_SAID = 3  # classes that are shown for each voter
_VOTERS = {
    "text": "Name",
    "prototype": "Prototype",
    "neighbors": "Nearest pictures",
    "cluster": "Micro-cluster",
}


def send_large(
    grid: ThumbGrid, session: Session, labels: Labels, thumbnails: Thumbnails, image: int
) -> None:
    """Send the large view of an image to a grid; call it from a background thread.

    Parameters
    ----------
    grid : ThumbGrid
        The grid that asked for the picture.
    session : Session
        Its embeddings and neighbours are computed already.
    labels : Labels
        The labels that are shown.
    thumbnails : Thumbnails
        Thumbnails of the images of the session.
    image : int
        Index of the image.
    """
    embedded = session.embeddings
    near = (session.visual_graph or session.graph).indices[image, :_NEAR].tolist()
    path = embedded.images.path(image)
    grid.show_large(
        image,
        large_picture(path),
        path=str(path).encode("utf-8", "replace").decode("utf-8"),
        votes=_votes(session, labels, image),
        near=tiles_of(embedded.images, labels, near, colours_of(session, labels.names)),
        near_sheet=thumbnails.sheet(near),
    )


def _votes(session: Session, labels: Labels, image: int) -> list[dict[str, Any]]:
    votes = image_votes(labels, image, session.embeddings.vectors, session.graph)
    colours = colours_of(session, labels.names)

    def says(shares: NDArray[np.float32]) -> list[dict[str, Any]]:
        most = np.argsort(-shares, kind="stable")[:_SAID].tolist()
        return [
            {"name": labels.names[c], "share": float(shares[c]), "colour": colours[c]} for c in most
        ]

    return [
        {"voter": title, "says": says(shares)}
        for voter, title in _VOTERS.items()
        if (shares := getattr(votes, voter)) is not None
    ]
