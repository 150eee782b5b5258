"""Recursive mixture estimation on SVHN's cropped digits, with a mixture of discretised logistics for the pixels.

66,000 training images of 32 x 32 in colour, 7,257 for validation; bounds are of the first 1,000 test images.

    python recipes/svhn.py --components 5 --seed 0 --data-dir data

TFDS downloads 1.6 GB into `--data-dir` unless the set is there. The likelihood is of 256 levels: bits per dimension
compare with those of other discrete likelihoods, and nats with no density's. Number to expect: not yet run here; a GPU
is advisable.
"""

from rme_tf import experiments

SVHN = experiments.ImageRecipe(
    dataset="svhn_cropped",
    binarization="none",
    likelihood=experiments.Part("discretized_logistic_mixture"),
    encoder=experiments.Part("resnet"),
    decoder=experiments.Part("resnet"),
    latent_dim=64,
    components=5,
    epochs=100,
    optimizer=experiments.Part("adam", learning_rate=5e-4, global_clipnorm=200.0),
    test_size=1_000,
    importance_samples=500,
    out="runs/svhn",
)

if __name__ == "__main__":
    experiments.main(SVHN, __doc__)
