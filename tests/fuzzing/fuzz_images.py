"""Malformed images, stored pixels and addresses."""

import functools
import io

import numpy as np

import fuzz_values as odd
from fuzz import Case
from rme_tf.data import load_folder, load_frey_faces, load_images
from rme_tf.data.files import local_file


@functools.cache
def _pictures() -> dict[str, bytes]:
    from PIL import Image

    rng, found = np.random.default_rng(0), {}
    for name, mode, shape in (
        ("png", "L", (9, 7)),
        ("jpg", "RGB", (9, 7, 3)),
        ("gif", "L", (6, 6)),
        ("bmp", "RGB", (5, 8, 3)),
        ("tif", "L", (7, 7)),
        ("webp", "RGB", (8, 8, 3)),
    ):
        file = io.BytesIO()
        Image.fromarray(rng.integers(0, 256, shape, np.uint8), mode).save(
            file, {"jpg": "jpeg", "tif": "tiff"}.get(name, name)
        )
        found[name] = file.getvalue()
    return found


def images(rng, folder) -> Case:
    """A folder with a damaged image, or with damaged stored pixels."""
    root, store = folder / "photos", folder / "data"
    root.mkdir()
    for number in range(12):
        name = odd.chosen(rng, sorted(_pictures()))
        (root / f"{number}.{name}").write_bytes(_pictures()[name])
    options = {"data_dir": store, "path": root, "size": 4, "channels": 3}
    kind = odd.chosen(rng, ("image", "pixels", "option"))
    if kind == "option":
        name, value = odd.chosen(rng, ("path", "size", "channels", "bits", "data_dir")), odd.any_value(rng)
        if name == "data_dir":
            value = odd.chosen(rng, (root / "0.png" / "x", "\0", "", 3, b"x", [], "/proc/nothing"))
        return Case(f"load_folder({name}={odd.short(value)})", lambda: load_folder(**{**options, name: value}))
    if kind == "image":
        target = odd.chosen(rng, sorted(root.iterdir()))
        what, content = odd.damaged(rng, target.read_bytes())
        target.write_bytes(content)
        return Case(f"image {target.name}: {what}", lambda: load_folder(**options))
    expected = load_folder(**options)
    target = odd.chosen(rng, sorted(path for path in store.rglob("*") if path.is_file()))
    what, content = odd.damaged(rng, target.read_bytes())
    before = [np.array(part) for part in expected]
    target.chmod(0o644)
    target.write_bytes(content)

    def check(splits):
        same = all(np.array_equal(part, then) for part, then in zip(splits, before, strict=True))
        return None if same else "other pixels than those of the files"

    return Case(f"stored {target.name}: {what}", lambda: load_images("folder", **options), check)


def urls(rng, folder) -> Case:
    """An address or checksum that names no file."""
    address = odd.chosen(
        rng,
        (
            *(
                "http://",
                "http:///x",
                "http://[x",
                "https://127.0.0.1:1/x.mat",
                "http://127.0.0.1:99999/x.mat",
                "ftp://x",
            ),
            *(
                "file:///nowhere.mat",
                f"file://{folder}",
                "://",
                "data:,x",
                "data://x",
                "http://a b/c.mat",
                "http://\0/x.mat",
            ),
            *(
                "x.mat#sha256=",
                "x.mat#sha256=zz",
                "#sha256=1",
                "",
                "\0",
                ".",
                "..",
                "/",
                "http://127.0.0.1:1/",
                "mailto:x",
            ),
            *(
                "http://127.0.0.1:1/../../x",
                "HTTP://127.0.0.1:1/é.mat",
                "http://x@:1/x",
                "gs://nowhere/x.mat",
                "http://127.0.0.1:1/..",
                "http://127.0.0.1:1/%00",
            ),
        ),
    )
    if rng.random() < 0.3:
        address = odd.any_value(rng)
    call = odd.chosen(
        rng,
        (
            lambda: local_file("frey_faces", address, url="http://127.0.0.1:1/x.mat", data_dir=folder),
            lambda: load_frey_faces(path=address, data_dir=folder) if address is not None else None,
        ),
    )
    return Case(f"address {odd.short(address)}", call)
