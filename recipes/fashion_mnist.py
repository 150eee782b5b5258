"""Recursive mixture estimation on Fashion-MNIST, with a Bernoulli decoder.

50,000 training images, binarized again for each batch; validation and test sets of 10,000, binarized once. Results on
thresholded images, which have much smaller numbers, do not compare.

    python recipes/fashion_mnist.py --components 5 --seed 0 --data-dir data

TFDS downloads the data set to `--data-dir` if it is missing. Published for a VAE with gated MLPs, in the Exemplar VAE
paper (Norouzi et al., 2020, https://arxiv.org/abs/2004.04795): NLL 228.70. Expected number: not yet run.
"""

from rme_tf import experiments

FASHION_MNIST = experiments.IMAGE_RECIPES["fashion_mnist"]

if __name__ == "__main__":
    experiments.main(FASHION_MNIST, __doc__)
