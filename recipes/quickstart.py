"""VAE and mixture of four Gaussians on scikit-learn's handwritten digits.

    python recipes/quickstart.py

The images are 8x8, binarized again for each batch; the latent code has two dimensions, so that the true
posterior can be drawn. At most 3 minutes on 2 CPU cores; no network is needed. Expected numbers are in
recipes/results/quickstart.jsonl, a recorded run; new records are written to runs/quickstart/results/.
"""

import dataclasses

from rme_tf import experiments

DIGITS = experiments.IMAGE_RECIPES["quickstart"]

if __name__ == "__main__":
    recipe = experiments.recipe_of_words(DIGITS, __doc__)
    experiments.compare(
        {
            "VAE": experiments.with_fields(recipe, {"components": 1, "algorithm": "elbo", "out": f"{recipe.out}/vae"}),
            "RME": dataclasses.replace(recipe, out=f"{recipe.out}/rme"),
        },
        out=recipe.out,
        results=f"{recipe.out}/results",
    )
