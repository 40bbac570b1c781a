"""TAC, image clustering with external guidance (Li et al., ICML 2024), from the paper's maths.

Nouns that fit some part of the folder best make a text counterpart of each image. Without
training, k-means groups images and counterparts together. With training, two heads, one for images
and one for counterparts, distil each other's assignments of neighbours.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from name_free.voting import k_means, voted

__all__ = ["tac", "tac_without_training"]

_NOUNS = 5  # of each image centre
_SHARP = 0.005  # temperature of the counterparts
_NEIGHBOURS, _BATCH, _RATE = 50, 512, 1e-3
_STEPS = 600  # the 20 epochs of the paper are too few for small folders
_CONTRAST, _BALANCE = 0.5, 5.0


def tac_without_training(
    images: np.ndarray, words: np.ndarray, count: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return a word for each group, and the group of each image, by k-means alone."""
    labels = k_means(np.concatenate([_counterparts(images, words, count), images], axis=1), count)
    return voted(labels, images, words), labels


def tac(
    images: np.ndarray, words: np.ndarray, count: int, seed: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Return a word for each group, and the group of each image, by the image head."""
    torch.manual_seed(seed)
    texts = _counterparts(images, words, count)
    near_images, near_texts = _neighbours(images), _neighbours(texts)
    x, t = torch.from_numpy(images), torch.from_numpy(texts)
    heads = [_head(images.shape[1], count) for _ in range(2)]
    rate = torch.optim.Adam([p for head in heads for p in head.parameters()], lr=_RATE)
    rng = np.random.default_rng(seed)
    for _ in range(_STEPS):
        rows = rng.choice(len(images), min(_BATCH, len(images)), replace=False)
        beside = rng.integers(near_images.shape[1], size=len(rows))
        p, q = heads[0](x[rows]), heads[1](t[rows])
        p_near, q_near = (
            heads[0](x[near_images[rows, beside]]),
            heads[1](t[near_texts[rows, beside]]),
        )
        agree = -torch.log((p * q).sum(dim=1) + 1e-8).mean()
        mean = torch.stack([p.mean(dim=0), q.mean(dim=0)])
        spread = -(mean * torch.log(mean + 1e-8)).sum()
        loss = _distilled(p, q_near) + _distilled(q, p_near) + agree - _BALANCE * spread
        rate.zero_grad()
        loss.backward()
        rate.step()
    with torch.no_grad():
        labels = heads[0](x).argmax(dim=1).numpy()
    return voted(np.concatenate([labels, np.arange(count)]),
                 np.concatenate([images, np.zeros_like(images[:1]).repeat(count, axis=0)]),
                 words), labels  # fmt: skip


def _counterparts(images: np.ndarray, words: np.ndarray, count: int) -> np.ndarray:
    centres = max(3 * count, len(images) // 300)
    labels = k_means(images, min(centres, len(images) // 2))
    middle = np.stack([images[labels == one].mean(axis=0) for one in range(labels.max() + 1)])
    middle /= np.linalg.norm(middle, axis=1, keepdims=True)
    share = _softmax(100.0 * words @ middle.T)
    owner = share.argmax(axis=1)
    kept = [
        one[np.argsort(-share[one, centre])[:_NOUNS]]
        for centre in range(len(middle))
        if len(one := np.flatnonzero(owner == centre))
    ]
    nouns = words[np.concatenate(kept)]
    text = _softmax(images @ nouns.T / _SHARP) @ nouns
    return (text / np.linalg.norm(text, axis=1, keepdims=True)).astype(np.float32)


def _head(dim: int, count: int) -> nn.Module:
    return nn.Sequential(nn.Linear(dim, dim), nn.ReLU(), nn.Linear(dim, count), nn.Softmax(dim=1))


def _neighbours(rows: np.ndarray) -> np.ndarray:
    return np.argsort(-(rows @ rows.T), axis=1)[:, 1 : 1 + min(_NEIGHBOURS, len(rows) - 1)]


def _distilled(one: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
    """Contrast the columns of two assignments: a cluster is like itself and unlike the others."""
    first, second = functional.normalize(one.T, dim=1), functional.normalize(other.T, dim=1)
    return functional.cross_entropy(first @ second.T / _CONTRAST, torch.arange(len(first)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    shares = np.exp(logits - logits.max(axis=1, keepdims=True))
    return shares / shares.sum(axis=1, keepdims=True)
