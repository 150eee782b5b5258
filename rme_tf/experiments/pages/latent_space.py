"""Latent codes of test observations in two dimensions, by PCA and t-SNE."""

import warnings
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from rme_tf.core.validation import require
from rme_tf.evaluation.likelihood_bounds import posterior_moments
from rme_tf.experiments.pages.items import Items

MOST_POINTS = 400
FEWEST_POINTS = 8  # for t-SNE
PERPLEXITY = 30.0
STEPS = 500  # of t-SNE's gradient descent
MOST_NAMES = 9  # labels with a color of their own; the rest are "other"


class LatentSpace(NamedTuple):
    """Codes of N observations, and their projections."""

    codes: np.ndarray  # [N, D], means of Q(z|x)
    weights: np.ndarray  # [N, M], mixing weights
    center: np.ndarray  # [D], of the projection
    directions: np.ndarray  # [2, D], principal components, or the two dimensions themselves
    plane: np.ndarray  # [N, 2]
    explained: float  # share of the codes' variance in the plane
    neighborhoods: np.ndarray | None  # [N, 2], t-SNE; None for few observations
    groups: Sequence[str] | None  # N labels, or None
    items: Items

    def project(self, z):
        """Returns codes [..., D] in the plane [..., 2]."""
        return (np.asarray(z) - self.center) @ self.directions.T


def latent_space(model, x, items: Items, labels: Sequence[Any] | None = None) -> LatentSpace:
    """Returns the `LatentSpace` of observations.

    Args:
        model: trained `VAE`.
        x: observations. Shape [N, *event_shape].
        items: the observations as images or texts.
        labels: label of each observation, or None.
    """
    weights, means = posterior_moments(model, x)
    codes = np.einsum("nm,nmd->nd", weights, means).astype(np.float64)
    center, directions, explained = principal_plane(codes)
    groups = None if labels is None else grouped(labels)
    plane = (codes - center) @ directions.T
    return LatentSpace(codes, weights, center, directions, plane, explained, neighborhoods(codes), groups, items)


def principal_plane(codes) -> tuple[np.ndarray, np.ndarray, float]:
    """Returns center [D], directions [2, D] and explained variance of a plane.

    Two latent dimensions are the plane themselves; one has a second direction of zeros.

    Args:
        codes: latent codes. Shape [N, D].
    """
    num_rows, size = codes.shape
    require(num_rows > 1, "codes", "have two rows at least", num_rows)
    if size <= 2:
        return np.zeros(size), np.eye(2, size), 1.0
    from sklearn.decomposition import PCA  # a second to import

    with np.errstate(divide="ignore", invalid="ignore"):  # equal codes have no variance
        pca = PCA(2, svd_solver="full").fit(codes)
    return pca.mean_, pca.components_, float(np.nan_to_num(pca.explained_variance_ratio_).sum())


def neighborhoods(codes, seed: int = 0) -> np.ndarray | None:
    """Returns t-SNE's map [N, 2], or None for fewer than `FEWEST_POINTS` different codes.

    Args:
        codes: latent codes. Shape [N, D].
        seed: seed of t-SNE.

    References:
        van der Maaten and Hinton (2008), https://www.jmlr.org/papers/v9/vandermaaten08a.html
    """
    from sklearn.manifold import TSNE  # a second to import
    from threadpoolctl import threadpool_limits

    codes = np.asarray(codes, dtype=np.float32)
    if len(np.unique(codes, axis=0)) < FEWEST_POINTS:
        return None
    perplexity = min(PERPLEXITY, (len(codes) - 1) / 3.0)
    start = "pca" if codes.shape[-1] >= 2 else "random"
    with warnings.catch_warnings(), threadpool_limits(1):  # more threads wait for each other on a few hundred points
        warnings.simplefilter("ignore")  # about equal codes
        return TSNE(2, perplexity=perplexity, init=start, max_iter=STEPS, random_state=seed).fit_transform(codes)


def grouped(labels: Sequence[Any]) -> list[str]:
    """Returns labels as text, the rarest of many as "other".

    Args:
        labels: label of each observation.
    """
    texts = [str(label) for label in labels]
    names, counts = np.unique(texts, return_counts=True)
    if len(names) <= MOST_NAMES + 1:
        return texts
    frequent = set(names[np.argsort(-counts, kind="stable")[:MOST_NAMES]])
    return [text if text in frequent else "other" for text in texts]
