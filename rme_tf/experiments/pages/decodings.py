"""Decoded codes of a model: reconstructions, components, interpolations, samples from the prior."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from rme_tf.core.seeds import as_seed
from rme_tf.experiments.pages.items import Items, items_of
from rme_tf.experiments.recipes.run import Run
from rme_tf.posteriors import MixturePosterior

SEED = 2020
TEMPERATURE = 0.8  # of sampled sentences
MOST_COMPONENTS = 8  # whose decodings are shown
MOST_DRAWS = 40  # from a component
ALL_DRAWS = 240  # from all components of a posterior, about

Moments = Mapping[str, np.ndarray]  # `MixturePosterior.moments`


class Counts(NamedTuple):
    """Numbers of decoded codes."""

    observations: int
    views: int  # observations whose posteriors are shown, with a decoding of each component
    lines: int  # interpolations
    steps: int  # on a line, both ends included
    samples: int


IMAGES = Counts(observations=12, views=4, lines=3, steps=7, samples=24)
PIXEL_BY_PIXEL = Counts(observations=6, views=2, lines=1, steps=6, samples=10)
TEXTS = Counts(observations=6, views=3, lines=2, steps=6, samples=24)


class PosteriorView(NamedTuple):
    """The posterior of one observation, by components."""

    observation: int  # row number
    weights: np.ndarray  # [M]
    means: np.ndarray  # [M, D]
    draws: np.ndarray  # [S, M, D]
    components: Items  # decoded means of the first components


class Decodings(NamedTuple):
    """Observations, and what a model decodes."""

    observations: Items
    reconstructions: Items
    views: list[PosteriorView]
    lines: list[Items]  # interpolations between consecutive observations
    samples: Items
    raw_samples: np.ndarray  # [K, *event_shape]


def draws_per_component(num_components: int) -> int:
    """Returns the number of draws from each of M components.

    Args:
        num_components: number of components M.
    """
    return max(4, min(MOST_DRAWS, ALL_DRAWS // num_components))


def counts_of(run: Run) -> Counts:
    """Returns the numbers of codes to decode.

    They are smaller where images are drawn pixel by pixel.
    """
    if "tokenizer" in run.task.export_options:
        return TEXTS
    return PIXEL_BY_PIXEL if run.model.autoregressive else IMAGES


def decode(run: Run, x) -> Decodings:
    """Returns the `Decodings` of a run.

    All codes but sampled sentences are decoded in one batch.

    Args:
        run: finished run.
        x: observations, of which the first are used. Shape [N, *event_shape].
    """
    counts, model = counts_of(run), run.model
    x = np.asarray(x)[: counts.observations]
    q = model.infer(x)
    moments = {name: value.numpy() for name, value in q.moments().items()}
    codes = codes_to_decode(model.prior, q, moments, counts)
    is_text = "tokenizer" in run.task.export_options
    choices = _text_choices(run) if is_text else {}
    if is_text:
        codes.pop("samples")
    flat = np.concatenate([part.reshape(-1, model.latent_dim) for part in codes.values()])
    rendered = np.asarray(model.render(flat, SEED, **choices))
    ends = np.cumsum([part.size // model.latent_dim for part in codes.values()])
    parts = dict(zip(codes, np.split(rendered, ends[:-1]), strict=True))
    if is_text:
        sampling = {"strategy": "sample", "temperature": TEMPERATURE, **choices}
        parts["samples"] = np.asarray(model.sample(counts.samples, seed=SEED, **sampling))
    items = {name: items_of(run.task, part) for name, part in parts.items()}
    return Decodings(
        observations=items_of(run.task, x),
        reconstructions=items["reconstructions"],
        views=views_of(q, moments, counts.views, items["components"]),
        lines=_rows(items["lines"], counts.steps),
        samples=items["samples"],
        raw_samples=parts["samples"],
    )


def sampled(run: Run) -> Items:
    """Returns samples of a model without codes."""
    sampling = {"strategy": "sample", "temperature": TEMPERATURE, **_text_choices(run)}
    return items_of(run.task, run.model.sample(TEXTS.samples, seed=SEED, **sampling))


def _text_choices(run: Run) -> dict[str, Any]:
    """Returns options for generating sentences that are shown."""
    return {"max_length": run.task.export_options["max_length"], "unknown": False}


def codes_to_decode(prior, q, moments: Moments, counts: Counts) -> dict[str, np.ndarray]:
    """Returns latent codes [..., D] by the purpose of their decodings.

    Args:
        prior: `Prior` of the model.
        q: posteriors of N observations.
        moments: moments of their components.
        counts: numbers of codes.
    """
    means = moments["means"]
    heaviest = means[np.arange(len(means)), moments["weights"].argmax(axis=-1)]  # means of components, not of Q
    firsts = [line for line in range(counts.lines) if line + 1 < len(means)]
    share = np.linspace(0.0, 1.0, counts.steps)[:, np.newaxis]
    lines = [(1.0 - share) * heaviest[line] + share * heaviest[line + 1] for line in firsts]
    return {
        "reconstructions": np.asarray(q.sample(seed=SEED)),
        "components": means[: counts.views, :MOST_COMPONENTS],
        "lines": np.array(lines, np.float32).reshape(-1, q.latent_dim),
        "samples": np.asarray(prior.distribution().sample(counts.samples, seed=as_seed(SEED))),
    }


def views_of(q, moments: Moments, most: int, components: Items) -> list[PosteriorView]:
    """Returns the posteriors of the first observations, with draws from each component.

    Args:
        q: posteriors of N observations.
        moments: moments of their components.
        most: largest number of observations.
        components: decoded means, component by component and observation by observation.
    """
    first = MixturePosterior(q.family, q.params[:most], q.log_alpha[:most])
    draws = np.asarray(first.sample_components(draws_per_component(q.num_components), SEED))  # [S, N, M, D]
    decoded = _rows(components, min(MOST_COMPONENTS, q.num_components))
    return [
        PosteriorView(index, moments["weights"][index], moments["means"][index], draws[:, index], decoded[index])
        for index in range(draws.shape[1])
    ]


def _rows(items: Items, size: int) -> list[Items]:
    """Returns consecutive items in rows of one size."""
    return [items.take(range(start, start + size)) for start in range(0, len(items), size)]
