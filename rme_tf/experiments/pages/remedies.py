"""Remedies that the configuration of a run does not have yet."""

import math
from collections.abc import Mapping
from typing import Any

from rme_tf.algorithms import ALGORITHMS
from rme_tf.evaluation.collapse_advice import SETTINGS, WORD_DROPOUT, advise
from rme_tf.evaluation.collapse_signs import FEWER_COMPONENTS, WEAKER_DECODER
from rme_tf.experiments.recipes.data_sizes import FEW_SENTENCES
from rme_tf.experiments.reports.configuration import field

OF_IMAGES = ("another network of the encoders or the decoder", "another likelihood", "more epochs")
MORE_SENTENCES = ("more training sentences",)
OFF = (None, "none")  # names of a schedule of the KL weight that does not rise


def codes(record: Mapping[str, Any]) -> str:
    """Returns the advice against posterior collapse.

    Args:
        record: record of the run. What its configuration has is named and not advised.
    """
    config = record.get("config", {})
    algorithm = _algorithm(config)
    known = ALGORITHMS.get(algorithm["name"])
    is_on = {SETTINGS[name][0]: _is_on(name, algorithm) for name in SETTINGS if known is None or name in known.honors}
    if "perplexity_per_token" in record.get("metrics", {}).get("test", {}):
        few = _training_sentences(record) < FEW_SENTENCES
        is_on = {**dict.fromkeys(MORE_SENTENCES if few else (), False), **is_on}
        is_on[WORD_DROPOUT] = bool(_part(config, "decoder").get("word_dropout"))
    is_on |= dict.fromkeys(OF_IMAGES if field(record, "binarization") is not None else (), False)
    off, on = (tuple(name for name in is_on if is_on[name] == state) for state in (False, True))
    return advise(off, on, WEAKER_DECODER)


def _training_sentences(record: Mapping[str, Any]) -> float:
    """Returns the number of training sentences, infinite if it is not recorded."""
    train = (record.get("data") or {}).get("train")
    return train.get("num_rows", math.inf) if isinstance(train, Mapping) else math.inf


def components(record: Mapping[str, Any]) -> str:
    """Returns the advice against components that are equal or unused.

    Args:
        record: record of the run.
    """
    config = record.get("config", {})
    algorithm = _algorithm(config)
    remedies = []
    if _part(config, "mixing").get("name") != "uniform":
        remedies.append("uniform weights")
    if algorithm["name"] not in (None, "recursive_mixture"):
        remedies.append("the algorithm `recursive_mixture`")
    elif algorithm.get("bound") != "none":
        remedies.append("a larger `kl_bound`")
    if algorithm.get("warm_start_epochs") != 0:
        remedies.append("more noise at the end of the warm start")
    return advise(tuple(remedies), last=FEWER_COMPONENTS)


def _part(config: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """Returns a part of a configuration; of a flat, earlier one all fields, with the name of the part."""
    part = config.get(name)
    return part if isinstance(part, Mapping) else {**config, "name": part}


def _algorithm(config: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"name": None, **_part(config, "algorithm")}


def _is_on(setting: str, algorithm: Mapping[str, Any]) -> bool:
    value = algorithm.get(setting)
    if setting != "kl_weight":
        return bool(value)
    return (value.get("name") if isinstance(value, Mapping) else algorithm.get("annealing")) not in OFF
