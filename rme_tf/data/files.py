"""Data sets that are files of their authors: where they are kept, how they are fetched and read."""

import hashlib
import os
import pathlib
import shutil
import tempfile
import urllib.parse
import urllib.request

_TIMEOUT = 60  # seconds without a byte


def data_folder(data_dir) -> pathlib.Path:
    """Returns the folder of the data sets; of None, TensorFlow Datasets' own default."""
    if data_dir is None:
        data_dir = os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")
    return pathlib.Path(data_dir).expanduser()


def local_file(name, path, *, url, data_dir=None, download=True) -> pathlib.Path:
    """Returns the path of a data set's one file, fetched if it is not there.

    Args:
        name: of the data set, and of the folder in `data_dir` that keeps what is fetched.
        path: of the file, or a URL; with `#sha256=...` after it, the file is compared with that checksum. None is
            the file in `data_dir`.
        url: what is fetched unless `path` is given.
        data_dir: as of `data_folder`.
        download: whether to fetch it if it is not there.

    Raises:
        ValueError: if the file is neither there nor to be had, or has another checksum.
    """
    source, _, checksum = str(path if path is not None else url).partition("#sha256=")
    kept = pathlib.Path(source)
    if "://" in source:
        kept = data_folder(data_dir) / name / pathlib.PurePosixPath(urllib.parse.urlparse(source).path).name
        if not kept.is_file():
            _fetch(name, source, kept, checksum, download)
    if not kept.is_file():
        raise ValueError(f"Expected the file of {name!r} at {kept}; it is not there. {_remedy(kept, url)}")
    _check(kept, checksum)
    return kept


def read_mat(path, shapes):
    """Returns the arrays of a MATLAB file, by name.

    Args:
        path: of the file.
        shapes: of the arrays by name; None is a size that may be any.

    Raises:
        ValueError: if it is no MATLAB file, or one without such arrays.
    """
    from scipy import io  # here, since other data sets do without

    try:
        arrays = io.loadmat(path, variable_names=list(shapes))
    except Exception as error:  # scipy raises what it likes for what is no such file
        raise ValueError(f"Expected a MATLAB file. Received: {path} ({type(error).__name__}: {error}).") from error
    for name, shape in shapes.items():
        found = arrays[name].shape if name in arrays else None
        if found is None or not _fits(found, shape):
            raise ValueError(f"Expected an array {name!r} of shape {shape} in {path}. Received: {found}.")
    return {name: arrays[name] for name in shapes}


def _fits(found, shape) -> bool:
    """Returns whether a shape is what was asked for, sizes of None aside."""
    return len(found) == len(shape) and all(b in (None, a) for a, b in zip(found, shape, strict=True))


def check_size(name, images, size):
    """Raises ValueError unless there are so many images: a file cut short would be another data set."""
    if len(images) != size:
        raise ValueError(f"Expected {size:,} images in {name}. Received: {len(images):,}.")


def _fetch(name, url, path, checksum, download):
    """Downloads the file, or raises a ValueError that says how to get it; what is there is whole."""
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
        except OSError as error:  # no network, no space, no such page: the remedy is the same
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
    """Raises ValueError if the file has another SHA-256 than a given one; "" is any."""
    if not checksum:
        return
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != checksum.lower():
        raise ValueError(f"Expected the SHA-256 {checksum} of {path}. Received: {found}.")
