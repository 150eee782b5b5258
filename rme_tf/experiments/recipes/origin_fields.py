"""Fields of a recipe for the origin of its values."""

import dataclasses

from tyro.conf import Suppress as Hidden


@dataclasses.dataclass(frozen=True, kw_only=True)
class OriginFields:
    """Origin of the values of a recipe, which no flags set.

    Args:
        made_from: name of the settings whose fields the recipe has where nothing else sets them; None for the defaults
            of the class.
        by_size: dotted names of fields that follow from the size of the data.
    """

    made_from: Hidden[str | None] = None
    by_size: Hidden[tuple[str, ...]] = ()
