"""Recursive mixture estimation on Yahoo answers, with published settings.

He et al. (2019), https://arxiv.org/abs/1901.05534: LSTMs of 1,024 units, 512-dimensional embeddings, 32 latent
dimensions, dropout 0.5, SGD from 1.0 with gradients clipped to norm 5, KL weight from 0.1 to 1 in ten epochs.

    python recipes/yahoo.py --corpus data/yahoo --components 3

The folder holds train.txt, validation.txt and test.txt, 100,000, 10,000 and 10,000 documents (Yang et al., 2017).
TensorFlow Datasets does not have this data set; for one of its data sets: `--tfds NAME --field FIELD --tokenizer word`.
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Two differences: dropout at the decoder's inputs also applies to z, and dense layers have biases.
Published for a VAE trained aggressively: NLL 326.6, KL 6.7, mutual information 3.2 nats. Not yet run
at this size; a GPU is recommended.
"""

from rme_tf import experiments

YAHOO = experiments.TEXT_RECIPES["yahoo"]

if __name__ == "__main__":
    experiments.main(YAHOO, __doc__)
