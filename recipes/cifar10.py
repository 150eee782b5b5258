"""Recursive mixture estimation on CIFAR-10, with a discretized logistic mixture.

45,000 training images of 32 x 32 in color, 5,000 for validation; bounds use the first 1,000 test images.

    python recipes/cifar10.py --components 5 --seed 0 --data-dir data

TFDS downloads 170 MB to `--data-dir` if the data set is missing. Published, in bits per dimension: 3.11 for a deep
hierarchy of latent codes with IAF (Kingma et al., 2016, https://arxiv.org/abs/1606.04934), which a single layer of
codes, as here, is not expected to reach. Expected number: not yet run; a GPU is recommended.
"""

from rme_tf import experiments

CIFAR10 = experiments.IMAGE_RECIPES["cifar10"]

if __name__ == "__main__":
    experiments.main(CIFAR10, __doc__)
