"""Recursive mixture estimation on CelebA, with a discretized logistic mixture.

162,770 training images, cropped to the central 148 x 148 pixels and averaged to 64 x 64; 1,000 images each for
validation and test.

    python recipes/celeba.py --components 5 --size 64 --seed 0 --data-dir data

TFDS downloads 1.4 GB to `--data-dir` if the data set is missing. The pixels, 2.5 GB, are computed once and read from
the disk batch by batch. Expected number: not yet run; a GPU is recommended.
"""

from rme_tf import experiments

CELEBA = experiments.ImageRecipe(
    dataset="celeb_a",
    size=64,
    binarization="none",
    likelihood=experiments.Part("discretized_logistic_mixture"),
    encoder=experiments.Part("dcgan"),
    decoder=experiments.Part("dcgan"),
    latent_dim=64,
    components=5,
    epochs=50,
    optimizer=experiments.Part("adam", learning_rate=5e-4, global_clipnorm=500.0),
    test_size=1_000,
    importance_samples=500,
    out="runs/celeba",
)

if __name__ == "__main__":
    experiments.main(CELEBA, __doc__)
