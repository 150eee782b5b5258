"""Verdicts on smoke runs, noise, unknown tokens and imputed cells."""

import math
from collections.abc import Mapping
from typing import Any

from rme_tf.experiments.pages.final_numbers import IMPUTED, column_errors
from rme_tf.experiments.pages.verdict import BAD, GOOD, LIKELY, SURE, UNSURE, WEAK, Verdict, number
from rme_tf.experiments.reports.configuration import field
from rme_tf.likelihoods import LIKELIHOODS

PIXEL_BITS = 8.0  # of a uniform distribution over the 256 levels of a pixel

MANY_UNKNOWN = 0.05  # share of unknown tokens above which a perplexity is too low
OF_PIECES = ("unigram", "bpe", "char", "integers")  # tokenizers without unknown words

MANY_CELLS = 200  # hidden cells, with less of which a comparison of errors is weak evidence
NAMED = 5  # columns in a sentence
COMPARED = {"rmse": "the RMSE of numbers", "wrong_levels": "the share of wrong levels"}  # scores of hidden cells

QUESTION_CELLS = "Fills cells better than a constant?"
QUESTION_SMOKE, QUESTION_NOISE, QUESTION_WORDS = "A smoke run:", "Better than uniform noise?", "Words known?"


def smoke(record: Mapping[str, Any], steps: int | None = None) -> Verdict | None:
    """Returns the verdict on a smoke run, None for others.

    Args:
        record: record of the run.
        steps: number of training steps, if known.
    """
    if not field(record, "smoke"):
        return None
    count = f"{steps:,} training steps" if steps else f"{record.get('epochs', '')} epochs"
    text = f"{count} show that everything runs, and nothing of what the model can learn."
    return Verdict(QUESTION_SMOKE, "too early to say", UNSURE, text, remedy="Train without `smoke` for verdicts.")


def noise(record: Mapping[str, Any]) -> Verdict | None:
    """Returns the verdict on a model no better than noise, or None.

    Pixels are compared with the uniform distribution over their levels: 1 bit per dimension for binary ones, 8 for
    256 levels, and for real numbers on pixels with added noise. Tokens are compared with the uniform distribution over
    the vocabulary.

    Args:
        record: record of the run.
    """
    test = record.get("metrics", {}).get("test", {})
    bits, perplexity = number(test, "bits_per_dimension"), number(test, "perplexity_per_token")
    binary = likelihood_name(record) == "bernoulli"
    most = 1.0 if binary else PIXEL_BITS
    vocabulary = number(record.get("data") or {}, "vocabulary_size")
    if math.isfinite(bits) and bits >= most:
        over = "0 and 1" if binary else f"{2**most:.0f} levels"
        text = f"log p(x) is {bits:.2f} bits per dimension; a uniform distribution over {over} has {most:g}."
    elif math.isfinite(perplexity) and perplexity >= vocabulary:
        text = f"The perplexity per token is {perplexity:,.0f}; a uniform distribution has {vocabulary:,.0f}."
    else:
        return None
    remedy = "Train for more epochs, or with another learning rate."
    return Verdict(QUESTION_NOISE, "no, worse than uniform noise", BAD, text, certainty=SURE, remedy=remedy)


def unknown_tokens(record: Mapping[str, Any]) -> Verdict | None:
    """Returns the verdict on many unknown tokens, None for few.

    Args:
        record: record of the run, with the share of unknown tokens of each split.
    """
    data = record.get("data") or {}
    splits = {name: data.get(name) for name in ("test", "train")}
    shares = {name: number(split, "unknown_rate") for name, split in splits.items() if isinstance(split, Mapping)}
    if not any(share > MANY_UNKNOWN for share in shares.values()):
        return None
    shown = " and ".join(
        f"{share:.0%} of the {'training' if name == 'train' else name} tokens" for name, share in shares.items()
    )
    text = f"{shown} are unknown. A perplexity counts <unk> as a word, which is easy to predict: it is too low."
    threshold = f"Many is more than {MANY_UNKNOWN:.0%} of the tokens."
    remedy = "Try a larger `--vocabulary-size`."
    if field(record, "tokenizer") not in OF_PIECES:
        remedy = "A tokenizer of pieces of words, `--tokenizer unigram` or `bpe`, has next to none."
    return Verdict(QUESTION_WORDS, "many are not", UNSURE, text, threshold, SURE, remedy)


def imputation(record: Mapping[str, Any]) -> Verdict | None:
    """Returns the verdict on imputed cells against constants, None without their errors.

    Args:
        record: record of the run, with errors of hidden cells.
    """
    scores = record.get("metrics", {}).get("test", {}).get("imputation", {})
    better, words = [], []
    for key, what in COMPARED.items():
        model, other = number(scores, f"{key}_of_model"), number(scores, f"{key}_of_constant")
        if math.isfinite(model) and math.isfinite(other):
            better.append(model < other)
            words.append(f"{what} is {model:.2f} ({other:.2f} with {IMPUTED[key][-1]})")
    if not better:
        return None
    count = int(number(scores, "hidden_cells"))
    text = f"On {count:,} hidden test cells, {', and '.join(words)}.{_by_column(scores)}"
    how_sure = LIKELY if count >= MANY_CELLS else WEAK
    if all(better):
        return Verdict(QUESTION_CELLS, "yes", GOOD, text, certainty=how_sure)
    answer, tone = ("in part", UNSURE) if any(better) else ("no", BAD)
    return Verdict(QUESTION_CELLS, answer, tone, text, certainty=how_sure, remedy="Train for more epochs.")


def _by_column(scores: Mapping[str, Any]) -> str:
    """Returns a sentence on the columns in which the model is ahead of the constant, "" without their errors."""
    columns = column_errors(scores)
    if not columns:
        return ""
    behind = [f"{one.name} ({one.model:.2f}, {one.constant:.2f})" for one in columns if one.model >= one.constant]
    ahead = f" It is ahead in {len(columns) - len(behind)} of {len(columns)} columns"
    more = f" and {len(behind) - NAMED} more" if len(behind) > NAMED else ""
    return f"{ahead}, not in {', '.join(behind[:NAMED])}{more}." if behind else f"{ahead}."


def likelihood_name(record: Mapping[str, Any]) -> str:
    """Returns the name of the likelihood in a record, or nothing."""
    name = record.get("config", {}).get("likelihood")
    return str(name.get("name", "")) if isinstance(name, Mapping) else str(name or "")


def nats_of_probabilities(record: Mapping[str, Any]) -> float:
    """Returns -log p(x) of a test observation, NaN for densities.

    Args:
        record: record of the run.
    """
    kind = LIKELIHOODS.get(likelihood_name(record))
    test = record.get("metrics", {}).get("test", {})
    return -number(test, "log_likelihood") if kind is not None and kind.bits_offset == 0.0 else math.nan
