"""Recursive mixture estimation on OMNIGLOT, with a Bernoulli decoder.

23,000 training images of 28 x 28, binarized again for each batch; 1,345 for validation and 8,070 for test, binarized
once, in the split of Burda et al. The networks are gated convolutions after van den Berg et al. (2018), with the same
latent dimensions. In the decoder, the first layer is a dense layer without a gate, and the first layer of stride 2 has
64 filters instead of 32.

    python recipes/omniglot.py --components 5 --seed 0 --data-dir data
    python recipes/omniglot.py --path chardata.mat
    python recipes/omniglot.py --dataset omniglot_tfds     # another split and other pixels: results do not compare

Published: NLL 108.11 for a VAE of MLPs with D = 50 (Burda et al., 2016, https://arxiv.org/abs/1509.00519); -ELBO 104.28
for a VAE of gated convolutions (van den Berg et al., https://arxiv.org/abs/1803.05649). Expected number: not yet run.
"""

from rme_tf import experiments

OMNIGLOT = experiments.IMAGE_RECIPES["omniglot"]

if __name__ == "__main__":
    experiments.main(OMNIGLOT, __doc__)
