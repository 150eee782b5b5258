"""Recursive mixture estimation on Yelp reviews, with the published settings of the text VAE.

He et al. (2019), https://arxiv.org/abs/1901.05534: LSTMs of 1,024 units, 512-dimensional embeddings, 32 latent
dimensions, dropout 0.5, SGD from 1.0 with the gradient's norm cut at 5, the KL's weight from 0.1 to 1 in ten epochs.

    python recipes/yelp.py --corpus data/yelp --components 3
    python recipes/yelp.py --tfds yelp_polarity_reviews --field text --tokenizer word --train-size 100000

The folder holds train.txt, validation.txt and test.txt, 100,000, 10,000 and 10,000 reviews (Yang et al., 2017); the
set of TensorFlow Datasets is another, larger one.
The learning rate is halved after two epochs without a better validation bound, from epoch 15 on, each time from the
best weights; the fifth halving ends the training. The NLL has 500 importance samples.
Different from theirs: dropout at the decoder's inputs falls on z too, and dense layers have biases.
Published for a VAE trained aggressively: NLL 355.9, KL 3.7, mutual information 2.3 nats. Not yet run here at this
size. A GPU is advisable.
"""

from rme_tf import experiments

YELP = experiments.TextRecipe(**experiments.HE_2019_DOCUMENTS, corpus="data/yelp", components=3, out="runs/yelp")

if __name__ == "__main__":
    experiments.main(YELP, __doc__)
