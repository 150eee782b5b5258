"""Recursive mixture estimation on Yelp reviews, with published settings.

He et al. (2019), https://arxiv.org/abs/1901.05534: LSTMs of 1,024 units, 512-dimensional embeddings, 32 latent
dimensions, dropout 0.5, SGD from 1.0 with gradients clipped to norm 5, KL weight from 0.1 to 1 in ten epochs.

    python recipes/yelp.py --corpus data/yelp --components 3
    python recipes/yelp.py --tfds yelp_polarity_reviews --field text --tokenizer word --train-size 100000

The folder holds train.txt, validation.txt and test.txt, 100,000, 10,000 and 10,000 reviews (Yang et al., 2017); the
data set of TensorFlow Datasets is another, larger one.
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Two differences: dropout at the decoder's inputs also applies to z, and dense layers have biases.
Published for a VAE trained aggressively: NLL 355.9, KL 3.7, mutual information 2.3 nats. Not yet run at this
size; a GPU is recommended.
"""

from rme_tf import experiments

YELP = experiments.TEXT_RECIPES["yelp"]

if __name__ == "__main__":
    experiments.main(YELP, __doc__)
