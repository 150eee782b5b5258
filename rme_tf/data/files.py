"""Files of data sets that authors publish: location, download, checksum and parsing."""

import hashlib
import http.client
import os
import pathlib
import re
import shutil
import tempfile
import urllib.parse
import urllib.request

from rme_tf.core.files import as_path, read_text
from rme_tf.core.leftovers import delete_leftovers, owner
from rme_tf.data.stored_files import sha256_of

_TIMEOUT = 60  # seconds without a byte
_MARK = "#sha256="
_DIGITS = {"md5": 32, "sha1": 40, "sha256": 64}
_SCHEMES = ("https", "http", "ftp", "file")


def data_folder(data_dir) -> pathlib.Path:
    """Returns the folder of the data sets; by default, of TensorFlow Datasets.

    Raises:
        ValueError: if `data_dir` is neither None nor a path.
    """
    if data_dir is None:
        data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return as_path(data_dir, "data_dir").expanduser()


def local_file(name, path, *, url, checksum="", data_dir=None, download=True) -> pathlib.Path:
    """Returns the path of a data set's single file, downloaded if missing.

    The SHA-256 of a downloaded file is kept in its folder, and compared whenever the file is used.

    Args:
        name: name of the data set, and of the folder in `data_dir` for a downloaded file.
        path: file or URL; `#sha256=...` at its end adds a checksum to compare with. None is `url`.
        url: source of the file if `path` is None.
        checksum: known checksum of `url`, "sha1=..." for instance.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing file.

    Raises:
        ValueError: if the file is missing and cannot be downloaded, or has another checksum.
    """
    source = url
    if path is not None:
        source, sharp, sha256 = str(as_path(path, "path") if isinstance(path, os.PathLike) else path).partition(_MARK)
        if not isinstance(path, str | os.PathLike) or not source:
            raise ValueError(f"`path` must be a file or URL. Received: {path!r}.")
        checksum = f"sha256={sha256}" if sharp else ""
    if "://" not in source:
        file = as_path(source, "path")
        if not os.path.isfile(file):
            raise ValueError(f"Expected the file of {name!r} at {file}; it is not there. {_remedy(file, url)}")
        compare(file, checksum)
        return file
    file = data_folder(data_dir) / name / _name_in(source)
    if not os.path.isfile(file):
        _fetch(name, source, file, checksum, download)
    elif path is not None:
        compare(file, checksum)
    record = _record_of(file)
    if record.is_file():
        compare(file, f"sha256={read_text(record).strip()}")
    return file


def compare(path: pathlib.Path, checksum: str) -> None:
    """Checks a file by a checksum.

    Args:
        path: path of the file.
        checksum: algorithm and hexadecimal digits, "sha256=..."; "" accepts any file.

    Raises:
        ValueError: if the file has another checksum, or the checksum is of another form.
    """
    if not checksum:
        return
    kind, _, digits = checksum.partition("=")
    if not re.fullmatch(f"[0-9a-fA-F]{{{_DIGITS[kind]}}}", digits):
        raise ValueError(
            f"Expected a checksum of {_DIGITS[kind]} hexadecimal digits. Received: {digits!r}, for {path}."
        )
    with path.open("rb") as file:
        received = hashlib.file_digest(file, kind).hexdigest()
    if received != digits.lower():
        title = f"{kind[:3].upper()}-{kind[3:]}" if kind.startswith("sha") else kind.upper()
        raise ValueError(f"Expected the {title} {digits} of {path}. Received: {received}.")


def read_mat(path, shapes, also=()):
    """Returns the arrays of a MATLAB file, by name.

    Args:
        path: path of the file.
        shapes: expected shape of each array by name; None stands for any size.
        also: names of arrays of any shape that are returned if the file has them.

    Raises:
        ValueError: if the file is not a MATLAB file, or lacks arrays of these shapes.
    """
    from scipy import io  # imported here: other data sets do not need it

    try:
        arrays = io.loadmat(path, variable_names=[*shapes, *also])
    except Exception as error:  # scipy raises errors of many types for other files
        raise ValueError(f"Expected a MATLAB file. Received: {path} ({type(error).__name__}: {error}).") from error
    for name, shape in shapes.items():
        received = arrays[name].shape if name in arrays else None
        if received is None or not _fits(received, shape):
            raise ValueError(f"Expected an array {name!r} of shape {shape} in {path}. Received: {received}.")
    return {name: arrays[name] for name in (*shapes, *also) if name in arrays}


def _fits(received, expected) -> bool:
    """Returns whether a shape equals the expected shape, where None stands for any size."""
    return len(received) == len(expected) and all(b in (None, a) for a, b in zip(received, expected, strict=True))


def check_size(name, images, size):
    """Checks the number of images, so that a truncated file is refused.

    Args:
        name: name of the file, for the message.
        images: array of images. Shape [N, H, W, C].
        size: expected number of images N.

    Raises:
        ValueError: if the number differs.
    """
    if len(images) != size:
        raise ValueError(f"Expected {size:,} images in {name}. Received: {len(images):,}.")


def _fetch(name, url, path, checksum, download):
    """Downloads the file; an incomplete file never gets its name.

    Raises:
        ValueError: if the download fails; the message gives the remedy.
    """
    cause, reason = None, "`download` is False"
    if download:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            delete_leftovers(path.parent.glob(f"{path.name}.*.partial"))
            prefix = f"{path.name}.{owner()}."
            with tempfile.TemporaryDirectory(dir=path.parent, prefix=prefix, suffix=".partial") as folder:
                partial = pathlib.Path(folder) / path.name  # with the usual mode
                _download(url, partial)
                compare(partial, checksum)
                _record_of(path).write_text(f"{sha256_of(partial)}\n", encoding="ascii")
                os.replace(partial, path)
            return
        except OSError as error:  # no network, no space: one remedy for all
            cause, reason = error, f"it could not be downloaded ({type(error).__name__}: {error})"
    raise ValueError(
        f"Expected the file of {name!r} at {path}; it is not there, and {reason}. {_remedy(path, url)}"
    ) from cause


def _download(url: str, path: pathlib.Path) -> None:
    """Writes the file at a URL; raises OSError if that is impossible, or a part is missing."""
    try:
        with path.open("xb") as file, urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
            shutil.copyfileobj(response, file)
            size, expected = file.tell(), response.headers.get("Content-Length")
    except (http.client.HTTPException, OverflowError, ValueError) as error:  # of what is no URL
        raise OSError(f"{type(error).__name__}: {error}") from error
    if expected is not None and size != int(expected):
        raise OSError(f"{size} of {expected} bytes arrived")


def _name_in(url: str) -> str:
    """Returns the name of the file at a URL."""
    try:
        name = pathlib.PurePosixPath(urllib.parse.urlparse(url).path).name
    except ValueError:  # of a host that is none
        name = ""
    scheme = url.partition("://")[0].lower()
    if name in ("", ".", "..") or "\0" in url or scheme not in _SCHEMES:
        raise ValueError(f"Expected a URL of {', '.join(_SCHEMES)} that ends in the name of a file. Received: {url!r}.")
    return as_path(name).name


def _record_of(path: pathlib.Path) -> pathlib.Path:
    """Returns the path of a downloaded file's SHA-256."""
    return path.with_name(f"{path.name}.sha256")


def _remedy(path, url):
    return f"Get it from {url.partition('#')[0]} and keep it there as {path.name}, or say where it is by `path`."
