"""Recursive mixture estimation on MNIST, with a Bernoulli decoder.

Kim and Pavlovic, NeurIPS 2020. 50,000 training images, binarized again for each batch; validation and test sets of
10,000, binarized once.

    python recipes/mnist.py --components 5 --latent-dim 20 --epochs 50 --seed 0 --data-dir data

TFDS downloads MNIST to `--data-dir` if it is missing. An interrupted run is resumed by the same command. Expected
number: not yet run at this size; recipes/mnist_study.py compares methods at a reduced size, with recorded results.
"""

from rme_tf import experiments

MNIST = experiments.IMAGE_RECIPES["mnist"]

if __name__ == "__main__":
    experiments.main(MNIST, __doc__)
