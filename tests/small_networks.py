"""Arguments that make decoders of the table small; one that has no entry is built by its defaults."""

SMALL_DECODERS: dict[str, dict] = {
    "conv": {"filters": (2, 3), "hidden": 4},
    "conv1d": {"filters": (2, 3), "hidden": 4},
    "dcgan": {"filters": 2},
    "gated_conv": {"filters": (2, 3)},
    "mlp": {"units": (4,)},
    "pixelcnn": {"num_layers": 1, "filters": 2},
    "resnet": {"filters": (2, 3), "hidden": 4},
}
SIGNALS = {"conv1d"}  # networks of [T, C], not of [H, W, C]


def fitting(name, shape):
    """The shape of an image as one that a network takes: the pixels of a signal are a sequence."""
    return (shape[0] * shape[1], shape[2]) if name in SIGNALS else shape
