"""Remedies of collapse that a training does not have yet."""

from typing import NamedTuple

from rme_tf.algorithms.base import Algorithm
from rme_tf.algorithms.kl_annealing import Annealing
from rme_tf.algorithms.recursive_mixture import Recursion
from rme_tf.models.phases import is_warming, unsettled

# Remedies of posterior collapse: argument of an algorithm -> what it is, name of the class.
SETTINGS = {
    "kl_weight": ("a rising KL weight", "(`LinearAnnealing`)"),
    "free_bits": ("free bits", "(`FreeBits`)"),
    "aggressive": ("aggressive training of the encoders", "(`Aggressive`)"),
}
WORD_DROPOUT = "word dropout in the decoder"


class Advice(NamedTuple):
    """Remedies for a model, and its state in training, in words."""

    codes: tuple[str, ...] = ()  # remedies of posterior collapse that are off
    components: tuple[str, ...] = ()  # remedies of component collapse that are off
    on: tuple[str, ...] = ()  # remedies of posterior collapse that are on
    unsettled: tuple[str, ...] = ()  # reasons for which the diagnostics are early
    warming: bool = False  # whether only the first component is in use


NO_ADVICE = Advice()


def advice_for(model) -> Advice:
    """Returns the `Advice` for a model.

    Args:
        model: `VAE`, or an object with some of its attributes. Before `compile` no remedy of an algorithm is on.
    """
    algorithm = getattr(model, "algorithm", None)
    codes, on = _of_codes(algorithm, getattr(model, "decoder", None))
    return Advice(codes, _of_components(algorithm, model), on, tuple(unsettled(model)), is_warming(model))


def advise(remedies: tuple[str, ...], on: tuple[str, ...] = (), last: str = "") -> str:
    """Returns a sentence of advice.

    Args:
        remedies: remedies that are off.
        on: remedies that are on, which are named and not advised.
        last: advice if no remedy is off.
    """
    parts = [f"Try {_listed(remedies, 'or')}." if remedies else last]
    if on:
        parts.append(f"Already on: {_listed(on, 'and')}.")
    return " ".join(filter(None, parts))


def _listed(words: tuple[str, ...], joint: str) -> str:
    *first, final = words
    return f"{', '.join(first)} {joint} {final}" if first else final


def _of_codes(algorithm: Algorithm | None, decoder) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Returns the remedies of posterior collapse that are off, and those that are on."""
    weight = getattr(algorithm, "kl_weight", None)
    bits, aggressive = (getattr(algorithm, name, None) for name in ("free_bits", "aggressive"))
    config = getattr(decoder, "config", None)  # of a decoder of sentences
    dropout = config.get("word_dropout") if isinstance(config, dict) else None
    is_on = {"kl_weight": isinstance(weight, Annealing), "free_bits": bits is not None, "aggressive": bool(aggressive)}
    honored = [setting for setting in SETTINGS if algorithm is None or setting in algorithm.honors]
    off = [" ".join(SETTINGS[setting]) for setting in honored if not is_on[setting]]
    final = weight.end if isinstance(weight, Annealing) else weight
    if final is not None and final > 1.0:
        off.insert(0, f"a smaller KL weight than {final:.3g}")
    on = [SETTINGS[setting][0] for setting in honored if is_on[setting]]
    if dropout is not None:
        (on if dropout else off).append(WORD_DROPOUT + ("" if dropout else " (`word_dropout`)"))
    return tuple(off), tuple(on)


def _of_components(algorithm: Algorithm | None, model) -> tuple[str, ...]:
    """Returns the remedies of component collapse that are off."""
    remedies = []
    mixing = getattr(model, "mixing", None)
    if getattr(mixing, "learned", False):
        remedies.append("uniform weights (`mixing='uniform'`)")
        if getattr(mixing, "eps_min", None) == 0.0:
            remedies.append("a lower bound on the weights (`eps_min`)")
    if algorithm is None:
        return tuple(remedies)
    bound = getattr(algorithm, "kl_bound", None)
    if bound is not None and getattr(algorithm, "bound", None) != "none":
        remedies.append(f"a `kl_bound` over {bound:.3g}")
    if not isinstance(algorithm, Recursion):
        remedies.append("`algorithm='recursive_mixture'`, with its reward for the distance between components")
    if algorithm.warm_start_epochs > 0:
        noise = f"over {algorithm.warm_start_noise:.3g}"
        remedies.append(f"more noise at the end of the warm start (`warm_start_noise` {noise})")
    return tuple(remedies)
