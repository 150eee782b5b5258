"""Tables that come with scikit-learn: no download."""

from rme_tf.core.registry import lookup
from rme_tf.data.tables.frames import import_pandas

LABEL = "class"
EMBEDDED = {"breast_cancer": "load_breast_cancer", "iris": "load_iris", "wine": "load_wine"}


def load_embedded(name: str = "wine"):
    """Returns a table of scikit-learn as a data frame.

    Its classes are in the column "class".

    Args:
        name: "breast_cancer" (569 rows, 30 real columns), "iris" (150 rows, 4) or "wine" (178 rows, 13).

    Raises:
        ValueError: for another name, or if pandas is not installed.
    """
    import_pandas()
    import sklearn.datasets

    loaded = getattr(sklearn.datasets, lookup(EMBEDDED, name, "table"))(as_frame=True)
    return loaded.data.assign(**{LABEL: [str(loaded.target_names[number]) for number in loaded.target]})
