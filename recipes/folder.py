"""Recursive mixture estimation on a folder of images, with any subfolders.

Every format that Pillow can open, AVIF from 11.3 on; each image is cropped to its central square and resized. Skipped,
unreadable and lossy files are counted and named, also in the record. The split by file is always the same, 80 / 10 /
10. The pixels are stored in `--data-dir` and read batch by batch, so that the number of images may exceed the memory.

    python recipes/folder.py --path photos --size 64 --components 5
    python recipes/folder.py --path scans --size 32 --channels 1 --binarization dynamic --likelihood bernoulli

`--test-size 1000` limits the bounds to 1,000 test images; the record has the number of images. Expected number: not
yet run at a meaningful size; a GPU is recommended.
"""

from rme_tf import experiments

FOLDER = experiments.IMAGE_RECIPES["folder"]

if __name__ == "__main__":
    experiments.main(FOLDER, __doc__, by_size=True)
