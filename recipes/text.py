"""Recursive mixture estimation on sentences of a text file, one a line.

    python recipes/text.py --train FILE --validation FILE --test FILE --tokenizer unigram --vocabulary-size 8000
    python recipes/text.py --corpus FILE
    python recipes/text.py --tfds imdb_reviews --field text --max-length 100

Each field of `experiments.TextRecipe` is a flag. The run's directory receives the tokenizer, the metrics,
generated sentences, curves of the diagnostics, and a SavedModel. recipes/collapse.py compares methods on one corpus.
"""

from rme_tf import experiments

TEXT = experiments.TEXT_RECIPES["text"]

if __name__ == "__main__":
    experiments.main(TEXT, __doc__, by_size=True)
