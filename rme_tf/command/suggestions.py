"""Suggestions for words that a command does not take."""

import difflib
import pathlib
import re
from collections.abc import Iterable, Mapping

NEAREST = 3  # names that one may have meant
CLOSE = 0.5  # similarity of a name that may have been meant
TIED = 0.1  # similarity to the best of them that others may lack
FEW = 12  # names that a message lists before the nearest
# Words of other programs, without hyphens, by the flags here: the first one that the command has is meant.
MEANT: dict[str, tuple[str, ...]] = {
    "--optimizer.learning-rate": ("lr", "learningrate", "stepsize"),
    "--batch-size": ("batch", "bs", "b", "batchsize", "minibatch", "minibatchsize"),
    "--epochs": ("epoch", "e", "nepochs", "numepochs", "maxepochs"),
    "--train-steps": ("steps", "iterations", "iters", "maxsteps", "numsteps"),
    "--latent-dim": ("latent", "latents", "z", "zdim", "d", "dim", "latentsize", "latentdims", "codesize", "codedim"),
    "--components": ("k", "m", "ncomponents", "numcomponents", "mixtures", "clusters", "nclusters"),
    "--path": ("data", "input", "i", "folder", "file", "dir", "datapath", "csv", "images", "train"),
    "--out": ("output", "o", "outdir", "outputdir", "save", "savedir", "logdir", "rundir"),
    "--overwrite": ("force", "f", "replace", "restart"),
    "--smoke": ("fast", "quick", "debug", "dryrun"),
    "--size": ("imagesize", "imgsize", "resolution", "width", "height"),
    "--seed": ("randomseed", "randomstate", "rng"),
    "--policy": ("precision", "mixedprecision", "fp16", "amp", "dtype"),
    "--vocabulary-size": ("vocab", "vocabsize", "vocabulary"),
    "--max-length": ("maxlen", "length", "seqlen"),
    "--encoder": ("model", "arch", "architecture", "network"),
    "--importance-samples": ("iwae", "numsamples", "nsamples"),
    "--algorithm.kl-weight": ("beta",),
}
# Kinds of data by the endings of files.
KINDS = {
    "text": ("sentences", (".txt", ".text", ".md", ".jsonl")),
    "table": ("a table", (".csv", ".tsv", ".parquet", ".xlsx")),
}


def meant_flag(flag: str, known: Iterable[str]) -> str | None:
    """Returns the flag for a word of other programs, or None.

    Args:
        flag: flag with one hyphen or two.
        known: flags of the command.
    """
    word, known = flag.lstrip("-").replace("-", "").replace("_", "").lower(), set(known)
    return next((name for name, words in MEANT.items() if word in words and name in known), None)


def near(name: str, known: Iterable[str]) -> list[str]:
    """Returns the names of similar spelling, the most similar first.

    Args:
        name: name that is unknown.
        known: names that may have been meant; of dotted ones, the last part counts too.
    """
    known = list(known)
    last = {re.sub(r"^(-*).*\.", r"\1", option): option for option in known if "." in option}
    last |= {option: option for option in last.keys() & set(known)}  # which is meant before an option of that name
    close = difflib.get_close_matches(name, [*known, *last], n=NEAREST, cutoff=CLOSE)
    similarity = [difflib.SequenceMatcher(None, match, name).ratio() for match in close]
    tied = [match for match, value in zip(close, similarity, strict=True) if value >= similarity[0] - TIED]
    return list(dict.fromkeys(last.get(match, match) for match in tied))


def unknown(kind: str, name: str, known: Iterable[str], shown: Iterable[str] | None = None) -> str:
    """Returns the message for an unknown name.

    It has the nearest names, and all names if they are few or none is near.

    Args:
        kind: kind of the name, such as "flag".
        name: name that is unknown.
        known: names that may have been meant; of dotted ones, the last part counts too.
        shown: names to list; None for all.
    """
    known = list(known)
    meant = meant_flag(name, known) if name.startswith("-") else None
    nearest = [meant] if meant else near(name, known)
    names = known if shown is None else list(shown)
    expected = f" Expected one of: {', '.join(names)}." if not nearest or len(names) <= FEW else ""
    question = f" Did you mean {' or '.join(map(repr, nearest))}?" if nearest else ""
    return f"Unknown {kind}.{expected} Received: {name!r}.{question}"


def refused_data(kind: str, described: Mapping, recipe: str | None, path: str | None) -> str | None:
    """Returns the refusal of a file of other data, or None.

    Args:
        kind: name of the kind of data.
        described: description of the kind.
        recipe: name of the settings at the start.
        path: path of the data on the command line.
    """
    if kind != "images" or recipe != described["of_path"] or path is None or not pathlib.Path(path).is_file():
        return None
    ending = pathlib.PurePath(path).suffix.lower()
    other = next(((name, noun) for name, (noun, endings) in KINDS.items() if ending in endings), None)
    hint = f" For {other[1]}: rme train {other[0]} --path {path}" if other else ""
    return f"Expected a folder of images. Received: {path!r}, a file.{hint}"
