"""Words for truth values and None, on command lines and in YAML."""

from typing import Any

PLAIN: dict[str, bool | None] = {
    **dict.fromkeys(("true", "yes", "on"), True),
    **dict.fromkeys(("false", "no", "off"), False),
    **dict.fromkeys(("none", "null", "~"), None),
}


def is_plain(word) -> bool:
    """Returns whether a value is a word for True, False or None."""
    return isinstance(word, str) and word.lower() in PLAIN


def plain_value(word) -> Any:
    """Returns the truth value or None that a word stands for."""
    return PLAIN[word.lower()] if is_plain(word) else word
