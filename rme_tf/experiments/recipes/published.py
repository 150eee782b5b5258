"""Published settings of several recipes, as keywords of a recipe."""

from typing import Any

from rme_tf.experiments.parts.part import Part


def he_2019(units: int, embedding_size: int, annealing_steps: int) -> dict[str, Any]:
    """Returns the settings of the text VAE of He et al. (2019).

    https://arxiv.org/abs/1901.05534: optimizer, dropout, initial weights and annealing as in the authors' code. Two
    differences: dropout at the decoder's inputs also applies to z, and dense layers have biases.

    Args:
        units: units of the LSTMs.
        embedding_size: size of a token's embedding.
        annealing_steps: training steps of the rise of the KL weight, ten epochs in their code.
    """
    sizes = {"units": units, "embedding_size": embedding_size}
    return {
        "latent_dim": 32,
        "encoder": Part("lstm", **sizes),
        "decoder": Part("lstm", **sizes, input_dropout=0.5, output_dropout=0.5),
        "weight_range": 0.01,
        "embedding_range": 0.1,
        "algorithm": Part("recursive_mixture", kl_weight=Part("linear", steps=annealing_steps, start=0.1)),
        "optimizer": Part("sgd", learning_rate=1.0, global_clipnorm=5.0),
        "patience": 2,
        "halve_from_epoch": 15,
        "max_halvings": 5,
        "restore_best": True,
        "batch_size": 32,
        "importance_samples": 500,
    }


HE_2019: dict[str, Any] = he_2019(units=128, embedding_size=128, annealing_steps=1000)
# Also with the networks of He et al., for the 100,000 documents of Yahoo and of Yelp.
HE_2019_DOCUMENTS: dict[str, Any] = {
    **he_2019(units=1024, embedding_size=512, annealing_steps=31_250),
    "tokenizer": "whitespace",
    "vocabulary_size": 20_000,
    "max_length": 200,
    "epochs": 100,
}
