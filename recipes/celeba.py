"""Recursive mixture estimation on CelebA, with a discretized logistic mixture.

162,770 training images, cropped to the central 148 x 148 pixels and averaged to 64 x 64; 1,000 images each for
validation and test.

    python recipes/celeba.py --components 5 --size 64 --seed 0 --data-dir data

TFDS downloads 1.4 GB to `--data-dir` if the data set is missing. The pixels, 2.5 GB, are computed once and read from
the disk batch by batch. Expected number: not yet run; a GPU is recommended.
"""

from rme_tf import experiments

CELEBA = experiments.IMAGE_RECIPES["celeba"]

if __name__ == "__main__":
    experiments.main(CELEBA, __doc__)
