"""Accepted and refused options of Keras's `compile` for a VAE."""

from rme_tf.core.registry import check_names
from rme_tf.models.step_groups import checked_group_size

COMPILE_OPTIONS = ("auto_scale_loss", "jit_compile", "run_eagerly", "steps_per_execution")
OF_OTHER_MODELS = {
    "loss": "the algorithm is the loss, `compile(optimizer, algorithm=...)`, and see `rme_tf.algorithms.ALGORITHMS`",
    "loss_weights": "the algorithm is the loss, and weighs its terms (`kl_weight`, `free_bits`)",
    "metrics": "the epoch log has the loss, the ELBO and its parts; compute others in a callback, from "
    "`model.evaluate(x)`, `model.reconstruct(x)` or `rme_tf.bounds(model, x, ...)`",
    "weighted_metrics": "every observation counts once, and other metrics than the epoch log's are a callback's",
}


def checked_compile_options(options) -> tuple[dict, bool]:
    """Returns the checked keywords of `compile` for Keras.

    Returns:
        options: keywords, with 1 for `steps_per_execution="auto"`.
        chooses_steps: whether `steps_per_execution` is "auto", its default.

    Raises:
        ValueError: if an option is unknown or does not apply to a VAE, or `steps_per_execution` is invalid.
    """
    options = {name: value for name, value in options.items() if name not in OF_OTHER_MODELS or value is not None}
    for name in options:
        if name in OF_OTHER_MODELS:
            raise ValueError(
                f"`compile` of a VAE takes no `{name}`: {OF_OTHER_MODELS[name]}. Received: {options[name]!r}."
            )
    check_names(options, ("optimizer", "algorithm", *COMPILE_OPTIONS), "arguments of `compile`")
    steps = checked_group_size(options.get("steps_per_execution", "auto"))
    return {**options, "steps_per_execution": 1 if steps == "auto" else steps}, steps == "auto"
