r"""Names of methods and of the files of their runs.

A method that differs from one of the table is named after the differences: `rme5[kl_bound=500]`, and
`rme5[mixing=learned,eps_min=0.1]`. Its files are named `rme5-kl_bound=500-seed0` and
`rme5-mixing=learned-eps_min=0.1-seed0`: brackets and commas become hyphens, since TensorFlow and shells read brackets
in a path as a pattern. The characters `< > : " / \ | ? * [ ]` in names of one's own, which some file system refuses,
become `_`, and names end after 150 bytes; a digest of the whole name follows then.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping

LONGEST = 150  # bytes of a method in a file name, of the 255 that file systems take


def method_name(base: str, differences: Mapping[str, str]) -> str:
    """Returns the name of a method.

    Args:
        base: name in the table, with the number of components: "rme5".
        differences: values by the names of fields, both as text.
    """
    inside = ",".join(f"{name}={value}" for name, value in differences.items())
    return f"{base}[{inside}]" if inside else base


def file_name(method: str, seed: int) -> str:
    """Returns the file name of a run, without suffix."""
    return f"{plain_name(method)}-seed{seed}"


def plain_name(method: str) -> str:
    """Returns the name of a method without brackets and special characters."""
    plain = re.sub(r"\[(.*)\]$", lambda match: "-" + match[1].replace(",", "-"), method)
    safe = re.sub(r'[\x00-\x1f<>:"/\\|?*\[\]]', "_", plain).encode()[:LONGEST].decode(errors="ignore")
    if safe != plain:
        safe += f"-{hashlib.sha256(method.encode()).hexdigest()[:8]}"
    return safe


def method_of(stem: str) -> str:
    """Returns the method of a run's file name.

    It is the inverse of `file_name`, except for names with a digest.
    """
    base, *differences = re.split(r"-(?=[A-Za-z_][\w.]*=)", re.sub(r"-seed\d+$", "", stem))
    return f"{base}[{','.join(differences)}]" if differences else base


def check_file_names(methods: Iterable[str]) -> None:
    """Raises ValueError if two methods have one file name, ignoring case."""
    seen: dict[str, str] = {}
    for method in methods:
        other = seen.setdefault(file_name(method, 0).casefold(), method)
        if other != method:
            raise ValueError(
                f"Expected methods whose names differ in more than case and special characters. "
                f"Received: {other!r} and {method!r}."
            )
