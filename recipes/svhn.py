"""Recursive mixture estimation on SVHN, with a discretized logistic mixture.

66,000 training images of cropped digits, 32 x 32 in color, 7,257 for validation; bounds use the first 1,000 test
images.

    python recipes/svhn.py --components 5 --seed 0 --data-dir data

TFDS downloads 1.6 GB to `--data-dir` if the data set is missing. The likelihood has 256 levels: its bits per dimension
compare with other discrete likelihoods, its nats do not compare with densities. Expected number: not yet run; a GPU is
recommended.
"""

from rme_tf import experiments

SVHN = experiments.IMAGE_RECIPES["svhn"]

if __name__ == "__main__":
    experiments.main(SVHN, __doc__)
