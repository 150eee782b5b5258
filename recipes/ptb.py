"""Recursive mixture estimation on the Penn Treebank, word by word.

    python recipes/ptb.py --corpus data/ptb --components 3

The folder holds train.txt, valid.txt and test.txt as Mikolov et al. (2010) prepared them: 42,068, 3,370 and 3,761
lines, 10,000 words, `<unk>` among them. TensorFlow Datasets itself has not this set; of one that it has:
`--tfds NAME --field FIELD --tokenizer word`. The sizes are ours; optimiser, annealing and dropout are those
of He et al. (2019), https://arxiv.org/abs/1901.05534.
Published for an LSTM VAE: perplexity 119 (Bowman et al., 2016, https://arxiv.org/abs/1511.06349).
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Number to expect: not yet run here at this size; a GPU is advisable.
"""

from rme_tf import experiments

PTB = experiments.TextRecipe(
    **experiments.he_2019(units=256, embedding_size=256, annealing_steps=13_140),
    corpus="data/ptb",
    tokenizer="whitespace",
    vocabulary_size=10_000,
    max_length=84,
    components=3,
    epochs=60,
    out="runs/ptb",
)

if __name__ == "__main__":
    experiments.main(PTB, __doc__)
