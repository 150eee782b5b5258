"""The files of a folder, and the words on those that are not read, or not whole."""

import collections
import os
from typing import NamedTuple

from rme_tf.data.image_files import suffix_of

_NAMED = 10  # files that could not be read in a message; the index has them all
_EXAMPLES = 3  # files named of each other kind


class Census(NamedTuple):
    """The files of a folder and of all folders in it, by relative name."""

    images: list[str]  # sorted
    others: dict[str, list[str]]  # what is passed over, by the kind in words, sorted


def take_census(root, suffixes) -> Census:
    """Returns the names of the files with one of the suffixes, and those of all else.

    Hidden files and folders, and folders behind links, are passed over; a link to a file is a file.

    Args:
        root: the folder.
        suffixes: lowercase, with their dots.
    """
    images: list[str] = []
    others: dict[str, list[str]] = collections.defaultdict(list)
    folders = [""]
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(os.path.join(root, inside)) as entries:
                found = list(entries)
        except OSError:
            others["that cannot be opened"].append(inside or ".")
            continue
        for entry in found:
            name = f"{inside}{entry.name}"
            kind = _kind(entry, suffixes)
            if kind is None:
                images.append(name)
            elif kind == "folder":
                folders.append(f"{name}/")
            else:
                others[kind].append(name)
    return Census(sorted(images), {kind: sorted(names) for kind, names in sorted(others.items())})


def _kind(entry, suffixes) -> str | None:
    """Returns the kind of a directory entry in words; None for an image."""
    if entry.name.startswith("."):
        return "hidden"
    if entry.is_dir():
        return "linking to a folder" if entry.is_symlink() else "folder"
    suffix = suffix_of(entry.name)
    if suffix not in suffixes:
        return f"of suffix {suffix}" if suffix else "without a suffix"
    if not entry.is_file() and os.path.exists(entry.path):  # a pipe, which would be waited for
        return "neither file nor folder"
    return None


def summary(root, num_read: int, census: Census, skipped, lossy, index) -> str | None:
    """Returns in words which files are passed over, unread, or read with a loss; None if there are none.

    Args:
        root: the folder.
        num_read: images that have been read.
        census: of the folder.
        skipped: dict of reasons by the names of the files that could not be read.
        lossy: dict of names by the kind of loss.
        index: the file that names all of `skipped` and `lossy`.
    """
    parts = []
    if skipped:
        some = "; ".join(f"{name} ({reason})" for name, reason in list(skipped.items())[:_NAMED])
        more = "" if len(skipped) <= _NAMED else f"; and {len(skipped) - _NAMED:,} more"
        parts.append(
            f"{len(skipped):,} of {len(census.images):,} files could not be read and are left out: {some}{more}"
        )
    if census.others:
        parts.append(passed_over(census))
    if lossy:
        parts.append(f"not read whole: {_kinds(lossy)}")
    if not parts:
        return None
    where = f" All unread and lossy files are named in {index}." if skipped or lossy else ""
    return _printable(f"{root}: read {num_read:,} images; {'; '.join(parts)}.{where}")


def passed_over(census: Census) -> str:
    """Returns in words the files of a folder that are no images."""
    count = sum(map(len, census.others.values()))
    return _printable(f"passed over {count:,} {'other' if count == 1 else 'others'}: {_kinds(census.others)}")


def _kinds(names_by_kind) -> str:
    """Returns the count of each kind, with its first names."""
    return ", ".join(
        f"{len(names):,} {kind} ({', '.join(names[:_EXAMPLES])}{', ...' if len(names) > _EXAMPLES else ''})"
        for kind, names in names_by_kind.items()
    )


def _printable(text: str) -> str:
    """Returns text that any terminal takes: names that are not UTF-8 have escapes."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
