"""Inference gaps in words and as a table of splits."""

import math
from collections.abc import Mapping

import numpy as np

from rme_tf.core.estimates import with_error
from rme_tf.core.validation import require
from rme_tf.evaluation.likelihood_bounds import estimate

MEANS = ("log_likelihood", "optimal_elbo", "elbo", "inference_gap", "approximation_gap", "amortization_gap")
HEADINGS = ("log p(x)", "ELBO(q*)", "ELBO(q)", "inference gap", "approximation gap", "amortization gap")


def summary_of(gaps) -> str:
    """Returns gaps in words, several lines.

    Args:
        gaps: `InferenceGaps` to describe.
    """
    log_lik, optimum, elbo, inference, approximation, amortization = (
        with_error(*value) for value in gaps.means().values()
    )
    approximate = "" if np.isnan(gaps.log_likelihood_error).all() else ", a lower bound"
    lines = [
        f"{len(gaps.elbo)} observations; in nats, ± is one standard error over the observations.",
        f"log p(x): {log_lik}{approximate}. ELBO(q*): {optimum}. ELBO(q): {elbo}.",
        f"Inference gap {inference} = approximation gap {approximation} + amortization gap {amortization}.",
        _search(gaps),
    ]
    if not gaps.converged.all():
        lines.append(
            "Where the search has not converged, the amortization gap is larger and the approximation gap smaller than "
            "stated. Raise `rounds` or `steps` of `LocalSearch`."
        )
    return "\n".join(lines)


def _search(gaps) -> str:
    num_converged, size = int(gaps.converged.sum()), len(gaps.converged)
    gain = with_error(*estimate(gaps.last_gain))
    ours = int((gaps.start <= 0).sum())
    return (
        f"Search for q*: {num_converged} of {size} converged; the last round gained {gain} on average. {ours} of "
        f"{size} were found from the encoder's output, the others from other starts."
    )


def gap_table(gaps: Mapping) -> str:
    """Returns the mean gaps of several splits as a Markdown table.

    Differences from the first split follow. A larger amortization gap on test than on training data is what the encoder
    fails to generalize.

    Args:
        gaps: `InferenceGaps` by the name of the split or of the model, such as {"train": ..., "test": ...}.

    Raises:
        ValueError: if there are none.
    """
    require(isinstance(gaps, Mapping) and len(gaps) > 0, "gaps", "be a dict of `InferenceGaps` by name", repr(gaps))
    lines = [f"| nats | {' | '.join(HEADINGS)} |", f"|---|{'---|' * len(HEADINGS)}"]
    means = {name: values.means() for name, values in gaps.items()}
    first, *others = means
    lines += [_line(name, values.values()) for name, values in means.items()]
    for name in others:
        pairs = zip(means[name].values(), means[first].values(), strict=True)
        lines.append(_line(f"{name} - {first}", [(b[0] - a[0], math.hypot(b[1], a[1])) for b, a in pairs]))
    return "\n".join(lines)


def _line(name: str, values) -> str:
    return f"| {name} | {' | '.join(with_error(*value) for value in values)} |"
