"""Files of data sets that authors publish: location, download, checksum and parsing."""

import hashlib
import os
import pathlib
import shutil
import tempfile
import urllib.parse
import urllib.request

_TIMEOUT = 60  # seconds without a byte


def data_folder(data_dir) -> pathlib.Path:
    """Returns the folder of the data sets; by default, of TensorFlow Datasets."""
    if data_dir is None:
        data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return pathlib.Path(data_dir).expanduser()


def local_file(name, path, *, url, data_dir=None, download=True) -> pathlib.Path:
    """Returns the path of a data set's single file, downloaded if missing.

    Args:
        name: name of the data set, and of the folder in `data_dir` for a downloaded file.
        path: file or URL; `#sha256=...` at its end adds a checksum to compare with. None is `url`.
        url: source of the file if `path` is None.
        data_dir: folder of the data sets; None is the default of TensorFlow Datasets.
        download: whether to download a missing file.

    Raises:
        ValueError: if the file is missing and cannot be downloaded, or has another checksum.
    """
    source, _, checksum = str(path if path is not None else url).partition("#sha256=")
    file = pathlib.Path(source)
    if "://" in source:
        file = data_folder(data_dir) / name / pathlib.PurePosixPath(urllib.parse.urlparse(source).path).name
        if not file.is_file():
            _fetch(name, source, file, checksum, download)
    if not file.is_file():
        raise ValueError(f"Expected the file of {name!r} at {file}; it is not there. {_remedy(file, url)}")
    _check(file, checksum)
    return file


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
        partial = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=path.parent, suffix=".partial", delete=False) as file:
                partial = pathlib.Path(file.name)
                with urllib.request.urlopen(url, timeout=_TIMEOUT) as response:
                    shutil.copyfileobj(response, file)
            _check(partial, checksum)
            os.replace(partial, path)
            return
        except OSError as error:  # no network, no space, no such page: one remedy for all
            cause, reason = error, f"it could not be downloaded ({type(error).__name__}: {error})"
        finally:
            if partial is not None:
                partial.unlink(missing_ok=True)
    raise ValueError(
        f"Expected the file of {name!r} at {path}; it is not there, and {reason}. {_remedy(path, url)}"
    ) from cause


def _remedy(path, url):
    return f"Get it from {url.partition('#')[0]} and keep it there as {path.name}, or say where it is by `path`."


def _check(path, checksum):
    """Raises ValueError if the file has another SHA-256 than `checksum`; "" accepts any file."""
    if not checksum:
        return
    with path.open("rb") as file:
        received = hashlib.file_digest(file, "sha256").hexdigest()
    if received != checksum.lower():
        raise ValueError(f"Expected the SHA-256 {checksum} of {path}. Received: {received}.")
