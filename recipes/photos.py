"""Recursive mixture estimation in colour, on photographs cut on the spot, with a mixture of discretised logistics.

The photographs that scikit-learn and Matplotlib carry, in tiles of 32 x 32 that do not overlap: about 800 PNG files in
`--data-dir`, which go the way of any folder of images (recipes/folder.py). No network is needed. Tiles of one
photograph are in all three splits, so the numbers say that everything works, not how well it would on others.

    python recipes/photos.py --data-dir data
    python recipes/photos.py --components 5 --epochs 100 --algorithm.warm-start-epochs 10 --data-dir data

The first is of a size for a CPU, about ten minutes on 2 cores: recorded in recipes/results/photos.jsonl, samples and
reconstructions in docs/images.md. The second wants a GPU, and has not been run.
"""

import dataclasses

from rme_tf import experiments
from rme_tf.data import cut_photographs

PHOTOS = experiments.ImageRecipe(
    dataset="folder",
    size=32,
    channels=3,
    binarization="none",
    likelihood=experiments.Part("discretized_logistic_mixture"),
    encoder=experiments.Part("resnet"),
    decoder=experiments.Part("resnet"),
    latent_dim=64,
    components=2,
    epochs=8,
    batch_size=16,
    optimizer=experiments.Part("adam", learning_rate=2e-3, global_clipnorm=500.0),
    algorithm=experiments.Part("recursive_mixture", warm_start_epochs=2),
    importance_samples=100,
    out="runs/photos",
)

if __name__ == "__main__":
    recipe = experiments.parse(PHOTOS, __doc__)
    path = recipe.path or str(cut_photographs(recipe.data_dir, recipe.size or 32))
    recipe = dataclasses.replace(recipe, path=path)
    experiments.compare({recipe.model_name: recipe}, out=recipe.out, results=f"{recipe.out}/results")
