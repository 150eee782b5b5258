"""Tables by name, of scikit-learn or drawn: no download."""

from collections.abc import Callable

import numpy as np

from rme_tf.core.registry import lookup
from rme_tf.data.tables.frames import import_pandas

LABEL = "class"
STEPS = 21
WAVES = (1, 0), (2, 0), (2, 1)  # triangles between which a wave of a class lies
PEAKS = (11, 15, 7)  # steps at which the triangles are highest


def load_embedded(name: str = "wine"):
    """Returns a table by name as a data frame.

    Its classes are in the column "class".

    Args:
        name: "breast_cancer" (569 rows, 30 real columns), "iris" (150 rows, 4) or "wine" (178 rows, 13) of
            scikit-learn, or "waveform", see `waveform`.

    Raises:
        ValueError: for another name, or if pandas is not installed.
    """
    return lookup(EMBEDDED, name, "table")()


def waveform(count: int = 3000, seed: int = 0):
    """Returns drawn signals of 21 steps as a data frame.

    A signal lies between two of three triangles, by a uniform share, and has noise of scale 1 at each step. The class
    is the pair of triangles.

    Args:
        count: number of signals.
        seed: seed of the draws.

    References:
        Breiman, Friedman, Olshen and Stone (1984), Classification and Regression Trees
    """
    pandas = import_pandas()
    rng = np.random.Generator(np.random.PCG64(seed))
    steps = np.arange(1, STEPS + 1)
    triangles = np.maximum(6.0 - np.abs(steps - np.array(PEAKS)[:, np.newaxis]), 0.0)
    classes, share = rng.integers(len(WAVES), size=count), rng.random((count, 1))
    first, second = triangles[np.array(WAVES)[classes].T]
    signals = share * first + (1.0 - share) * second + rng.normal(size=(count, STEPS))
    frame = pandas.DataFrame(signals, columns=[f"step_{step}" for step in steps])
    return frame.assign(**{LABEL: [f"wave {index}" for index in classes]})


def _of_sklearn(name: str) -> Callable:
    """Returns the function that loads a table of scikit-learn."""

    def load():
        """Returns the table as a data frame."""
        import_pandas()
        import sklearn.datasets

        loaded = getattr(sklearn.datasets, name)(as_frame=True)
        return loaded.data.assign(**{LABEL: [str(loaded.target_names[number]) for number in loaded.target]})

    return load


EMBEDDED = {
    "breast_cancer": _of_sklearn("load_breast_cancer"),
    "iris": _of_sklearn("load_iris"),
    "waveform": waveform,
    "wine": _of_sklearn("load_wine"),
}
