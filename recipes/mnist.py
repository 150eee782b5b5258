"""Recursive mixture estimation on MNIST (Kim and Pavlovic, NeurIPS 2020), with a Bernoulli decoder.

50,000 training images, binarised anew for each batch; validation and test sets of 10,000, binarised once.

    python recipes/mnist.py --components 5 --latent-dim 20 --epochs 50 --seed 0 --data-dir data

TFDS downloads MNIST into `--data-dir` unless it is there. A run that was interrupted goes on where it stopped
when the command is repeated. Number to expect: not yet run at this size; recipes/mnist_study.py compares
methods at a reduced one, with recorded results.
"""

from rme_tf import experiments

MNIST = experiments.ImageRecipe(dataset="mnist", latent_dim=20, components=5, epochs=50, out="runs/mnist")

if __name__ == "__main__":
    experiments.main(MNIST, __doc__)
