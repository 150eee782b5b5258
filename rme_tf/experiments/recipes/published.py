"""Published settings that several recipes share: keywords of a recipe."""

from typing import Any

# The text VAE of He et al. (2019), https://arxiv.org/abs/1901.05534, as their code has it: optimiser, dropout, first
# weights and annealing; `annealing_steps` is ten epochs there. Different here: dropout at the decoder's inputs falls on
# z too, and dense layers have biases.
HE_2019: dict[str, Any] = {
    "latent_dim": 32,
    "input_dropout": 0.5,
    "encoder_dropout": 0.0,
    "output_dropout": 0.5,
    "weight_range": 0.01,
    "embedding_range": 0.1,
    "annealing": "linear",
    "annealing_start": 0.1,
    "optimizer": "sgd",
    "learning_rate": 1.0,
    "clip_norm": 5.0,
    "patience": 2,
    "halve_from_epoch": 15,
    "max_halvings": 5,
    "restore_best": True,
    "batch_size": 32,
    "importance_samples": 500,
}
# And its networks, for the 100,000 documents of Yahoo and of Yelp.
HE_2019_DOCUMENTS: dict[str, Any] = {
    **HE_2019,
    "tokenizer": "whitespace",
    "vocabulary_size": 20_000,
    "max_length": 200,
    "units": 1024,
    "embedding_size": 512,
    "annealing_steps": 31_250,
    "epochs": 100,
}
