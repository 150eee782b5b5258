"""Items of a page: images as data URIs, or texts."""

from collections.abc import Sequence
from typing import NamedTuple

from rme_tf.experiments.pages.items import Items
from rme_tf.plots.data_uris import image_uri

MOST_PIXELS = 96  # on a side of an image


class Shown(NamedTuple):
    """An image or a text on a page."""

    alt: str
    uri: str | None = None
    text: str | None = None
    caption: str = ""


def shown(items: Items, alt: str, captions: Sequence[str] = ()) -> list[Shown]:
    """Returns items for a page.

    Args:
        items: images or texts.
        alt: description of an item, with `{}` for its number.
        captions: caption of each item, or none at all.
    """
    under = list(captions) or [""] * len(items)
    if items.images is not None:
        return [
            Shown(alt.format(index), uri=image_uri(image, MOST_PIXELS), caption=caption)
            for index, (image, caption) in enumerate(zip(items.images, under, strict=True))
        ]
    texts = items.texts or ()
    return [
        Shown(alt.format(index), text=text, caption=caption)
        for index, (text, caption) in enumerate(zip(texts, under, strict=True))
    ]
