"""Python snippets of the documents, and how a user would run them."""

import re
import warnings
from pathlib import Path

ROOT = Path(__file__).parents[1]
SNIPPET = re.compile(r"```python\n(.*?)```", re.DOTALL)


def snippets_of(document):
    """The Python snippets of a document, by its path in the repository."""
    return SNIPPET.findall((ROOT / document).read_text(encoding="utf-8"))


def run_as_a_user(program):
    """Runs a program whose warnings are shown, not errors: so short a training may well collapse."""
    with warnings.catch_warnings():
        warnings.simplefilter("default")
        exec(program, {})
