"""Recursive mixture estimation on the sentences of SNLI.

    python recipes/snli.py --corpus data/snli --components 3
    python recipes/snli.py --tfds snli --field premise

The folder holds train.txt, validation.txt and test.txt, 100,000, 10,000 and 10,000 sentences. The set of TensorFlow
Datasets is larger, and has each premise three times. Optimizer, annealing and dropout are from He et al. (2019),
https://arxiv.org/abs/1901.05534; the sizes are not.
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Expected number: not yet run at this size; a GPU is recommended.
"""

from rme_tf import experiments

SNLI = experiments.TEXT_RECIPES["snli"]

if __name__ == "__main__":
    experiments.main(SNLI, __doc__)
