"""Lines that a kind of tokenizer takes, made of lines of text."""

import zlib


def suited(kind, lines):
    """Returns the lines; for the kind "integers", with a number for each word, equal ones for equal words."""
    if kind != "integers":
        return lines
    return [" ".join(str(zlib.crc32(word.encode()) % 1000) for word in line.split()) for line in lines]
