"""Arguments that make decoders of the table small; one that has no entry is built by its defaults."""

SMALL_DECODERS: dict[str, dict] = {
    "conv": {"filters": (2, 3), "hidden": 4},
    "dcgan": {"filters": 2},
    "gated_conv": {"filters": (2, 3)},
    "mlp": {"units": (4,)},
    "pixelcnn": {"num_layers": 1, "filters": 2},
    "resnet": {"filters": (2, 3), "hidden": 4},
}
