"""Recursive mixture estimation on the words of the Penn Treebank.

    python recipes/ptb.py --corpus data/ptb --components 3

The folder holds train.txt, valid.txt and test.txt as Mikolov et al. (2010) prepared them: 42,068, 3,370 and 3,761
lines, 10,000 words, including `<unk>`. TensorFlow Datasets does not have this data set; for one of its data sets:
`--tfds NAME --field FIELD --tokenizer word`. Optimizer, annealing and dropout are from He et al. (2019),
https://arxiv.org/abs/1901.05534; the sizes are not.
Published for an LSTM VAE: perplexity 119 (Bowman et al., 2016, https://arxiv.org/abs/1511.06349).
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Expected number: not yet run at this size; a GPU is recommended.
"""

from rme_tf import experiments

PTB = experiments.TEXT_RECIPES["ptb"]

if __name__ == "__main__":
    experiments.main(PTB, __doc__)
