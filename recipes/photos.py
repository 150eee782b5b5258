"""Recursive mixture estimation on tiles of bundled color photographs.

The photographs of scikit-learn and Matplotlib are cut into tiles of 32 x 32 that do not overlap: about 800 PNG files in
`--data-dir`, read like any folder of images (recipes/folder.py). No network is needed. Tiles of a photograph are in
all three splits, so the numbers only show that everything works, not the quality on other photographs.

    python recipes/photos.py --data-dir data
    python recipes/photos.py --components 5 --epochs 100 --algorithm.warm-start-epochs 10 --data-dir data

The first command takes about ten minutes on 2 CPU cores: recorded in recipes/results/photos.jsonl, with samples and
reconstructions in docs/images.md. The second command needs a GPU, and has not been run.
"""

import dataclasses

from rme_tf import experiments
from rme_tf.data import cut_photographs

PHOTOS = experiments.IMAGE_RECIPES["photos"]

if __name__ == "__main__":
    recipe = experiments.recipe_of_words(PHOTOS, __doc__)
    path = recipe.path or str(cut_photographs(recipe.data_dir, recipe.size or 32))
    recipe = dataclasses.replace(recipe, path=path)
    experiments.compare({recipe.model_name: recipe}, out=recipe.out, results=f"{recipe.out}/results")
