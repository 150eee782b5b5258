"""Named recipes of images: settings by data set.

The script of the same name in `recipes/` has the purpose of each, and the numbers to expect.
"""

from typing import Any

from rme_tf.experiments.parts.part import Part
from rme_tf.experiments.recipes.images import ImageRecipe
from rme_tf.experiments.recipes.named import NamedRecipes

# One trunk, and one component drawn for each image: ahead of a step with all components at equal time, see
# docs/results/equal_time.md. `--algorithm.components-per-step None` draws all of them.
DRAWN: dict[str, Any] = {
    "trunk": Part("shared"),
    "algorithm": Part("recursive_mixture", components_per_step=1),
}

# Pictures in the 256 levels of each color.
LEVELS: dict[str, Any] = {"binarization": "none", "likelihood": Part("discretized_logistic_mixture")}
DCGAN: dict[str, Any] = {"encoder": Part("dcgan"), "decoder": Part("dcgan")}
GATED: dict[str, Any] = {"encoder": Part("gated_conv"), "decoder": Part("gated_conv")}
RESNET: dict[str, Any] = {"encoder": Part("resnet"), "decoder": Part("resnet")}

_SETTINGS: dict[str, dict[str, Any]] = {
    "celeba": {
        "dataset": "celeb_a",
        "size": 64,
        **LEVELS,
        **DCGAN,
        "latent_dim": 64,
        "components": 5,
        **DRAWN,
        "epochs": 50,
        "optimizer": Part("adam", learning_rate=5e-4, global_clipnorm=500.0),
        "test_size": 1_000,
        "importance_samples": 500,
        "out": "runs/celeba",
    },
    "cifar10": {
        "dataset": "cifar10",
        **LEVELS,
        **RESNET,
        "latent_dim": 128,
        "components": 5,
        **DRAWN,
        "epochs": 200,
        "optimizer": Part("adam", learning_rate=5e-4, global_clipnorm=200.0),
        "test_size": 1_000,
        "importance_samples": 500,
        "out": "runs/cifar10",
    },
    "fashion_mnist": {
        "dataset": "fashion_mnist",
        **GATED,
        "latent_dim": 40,
        "components": 5,
        **DRAWN,
        "epochs": 100,
        "out": "runs/fashion_mnist",
    },
    "folder": {
        "dataset": "folder",
        "path": "data/images",
        "size": 64,
        "channels": 3,
        **LEVELS,
        **DCGAN,
        "latent_dim": 64,
        "components": 5,
        **DRAWN,
        "epochs": 50,
        "optimizer": Part("adam", learning_rate=5e-4, global_clipnorm=500.0),
        "importance_samples": 500,
        "out": "runs/folder",
    },
    "mnist": {"dataset": "mnist", "latent_dim": 20, "components": 5, "epochs": 50, **DRAWN, "out": "runs/mnist"},
    "omniglot": {
        "dataset": "omniglot",
        **GATED,
        "latent_dim": 64,
        "components": 5,
        **DRAWN,
        "epochs": 200,
        "optimizer": Part("adam", learning_rate=5e-4),
        "out": "runs/omniglot",
    },
    "photos": {
        "dataset": "folder",
        "size": 32,
        "channels": 3,
        **LEVELS,
        **RESNET,
        "latent_dim": 64,
        "components": 2,
        "epochs": 8,
        "batch_size": 16,
        "optimizer": Part("adam", learning_rate=2e-3, global_clipnorm=500.0),
        "algorithm": Part("recursive_mixture", warm_start_epochs=2),
        "importance_samples": 100,
        "out": "runs/photos",
    },
    "quickstart": {
        "dataset": "digits",
        "encoder": Part("mlp"),
        "decoder": Part("mlp"),
        "latent_dim": 2,
        "components": 4,
        "algorithm": Part("recursive_mixture", kl_bound=3.0, bound="skew", warm_start_epochs=10),
        "epochs": 100,
        "batch_size": 64,
        "optimizer": Part("adam", learning_rate=3e-3),
        "out": "runs/quickstart",
    },
    "svhn": {
        "dataset": "svhn_cropped",
        **LEVELS,
        **RESNET,
        "latent_dim": 64,
        "components": 5,
        **DRAWN,
        "epochs": 100,
        "optimizer": Part("adam", learning_rate=5e-4, global_clipnorm=200.0),
        "test_size": 1_000,
        "importance_samples": 500,
        "out": "runs/svhn",
    },
}

IMAGE_RECIPES = NamedRecipes(ImageRecipe, _SETTINGS)
