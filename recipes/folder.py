"""Recursive mixture estimation on a folder of images of your own, in folders of any depth.

Every format that Pillow can open, AVIF from 11.3 on; each image is cut to the square in its middle and resized. What is
passed over, cannot be read or loses something is counted and named, and the record keeps that. The split is
80 / 10 / 10, by file, always the same; the pixels are kept in `--data-dir` and read batch by batch, so that the memory
does not limit how many there are.

    python recipes/folder.py --path photos --size 64 --components 5
    python recipes/folder.py --path scans --size 32 --channels 1 --binarization dynamic --likelihood bernoulli

The bounds are of 1,000 test images at most if you say `--test-size 1000`, else of all: the record says how many. Number
to expect: not yet run here at a size that means anything; a GPU is advisable.
"""

from rme_tf import experiments

FOLDER = experiments.ImageRecipe(
    dataset="folder",
    path="data/images",
    size=64,
    channels=3,
    binarization="none",
    likelihood=experiments.Part("discretized_logistic_mixture"),
    encoder=experiments.Part("dcgan"),
    decoder=experiments.Part("dcgan"),
    latent_dim=64,
    components=5,
    epochs=50,
    optimizer=experiments.Part("adam", learning_rate=5e-4, global_clipnorm=500.0),
    importance_samples=500,
    out="runs/folder",
)

if __name__ == "__main__":
    experiments.main(FOLDER, __doc__)
