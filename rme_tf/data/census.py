"""Inventory of the files of a folder, and messages about unread files."""

import collections
import os
from typing import NamedTuple

from rme_tf.data.image_files import suffix_of

_NAMED = 10  # files that could not be read in a message; the index has them all
_EXAMPLES = 3  # files named of each other kind


class Census(NamedTuple):
    """Files of a folder and its subfolders, by relative name."""

    images: list[str]  # sorted
    others: dict[str, list[str]]  # files and folders that are skipped, by a description of their kind, sorted


def take_census(root, suffixes) -> Census:
    """Returns the names of the image files, and of all other files.

    Hidden files and folders, and links to folders, are skipped; a link to a file is a file.

    Args:
        root: folder of the files.
        suffixes: lowercase suffixes of image files, with dots.
    """
    images: list[str] = []
    others: dict[str, list[str]] = collections.defaultdict(list)
    folders = [""]
    while folders:
        inside = folders.pop()
        try:
            with os.scandir(os.path.join(root, inside)) as entries:
                contents = list(entries)
        except OSError:
            others["that cannot be opened"].append(inside or ".")
            continue
        for entry in contents:
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
    """Returns a description of the kind of a directory entry; None for an image."""
    if entry.name.startswith("."):
        return "hidden"
    if entry.is_dir():
        return "linking to a folder" if entry.is_symlink() else "folder"
    suffix = suffix_of(entry.name)
    if suffix not in suffixes:
        return f"of suffix {suffix}" if suffix else "without a suffix"
    if not entry.is_file() and os.path.exists(entry.path):  # such as a pipe, where a read would block
        return "neither file nor folder"
    return None


def summary(root, num_read: int, census: Census, skipped, lossy, index) -> str | None:
    """Returns a message about skipped, unread and lossy files, or None.

    Args:
        root: folder of the files.
        num_read: number of images that have been read.
        census: inventory of the folder.
        skipped: dict of reasons by the names of the files that could not be read.
        lossy: dict of names by the kind of loss.
        index: file that names all of `skipped` and `lossy`.
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
    """Returns a phrase with the number of skipped files by kind."""
    count = sum(map(len, census.others.values()))
    return _printable(f"passed over {count:,} {'other' if count == 1 else 'others'}: {_kinds(census.others)}")


def _kinds(names_by_kind) -> str:
    """Returns the number of files of each kind, with the first names."""
    return ", ".join(
        f"{len(names):,} {kind} ({', '.join(names[:_EXAMPLES])}{', ...' if len(names) > _EXAMPLES else ''})"
        for kind, names in names_by_kind.items()
    )


def _printable(text: str) -> str:
    """Returns text that any terminal can show: names that are not UTF-8 are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
