"""Text corpora, tokenizers, tokenized splits, and `tf.data` pipelines.

    splits = read_folder("my_corpus")  # train.txt, validation.txt and test.txt, a sentence a line
    tokenizer = train_tokenizer(splits.train, vocabulary_size=10_000)
    tokens = tokenize(splits.train, tokenizer, max_length=64)
    dataset = training_dataset(tokens, batch_size=32)  # of int32 [B, T]

One observation x is a row of ids: its tokens, then one EOS, then PAD on the right. BOS is not in x.
"""

from rme_tf.core.types import BOS, EOS, PAD, UNK
from rme_tf.data.text.batches import evaluation_dataset, steps_per_epoch, training_dataset
from rme_tf.data.text.corpus import Lines, Report, TextSplits, read_file, read_files, read_folder, read_tfds
from rme_tf.data.text.docs import load_docs
from rme_tf.data.text.integers import integer_lines, integer_rows, integer_tokenizer
from rme_tf.data.text.kinds import TOKENIZERS, Kind
from rme_tf.data.text.tokenizer import Tokenizer, load_tokenizer
from rme_tf.data.text.tokenizer_training import VocabularySizeError, train_tokenizer
from rme_tf.data.text.tokens import Tokens, sample_order, sample_rows, tokenize

__all__ = [
    "BOS",
    "EOS",
    "Kind",
    "Lines",
    "PAD",
    "Report",
    "TOKENIZERS",
    "TextSplits",
    "Tokenizer",
    "Tokens",
    "UNK",
    "VocabularySizeError",
    "evaluation_dataset",
    "integer_lines",
    "integer_rows",
    "integer_tokenizer",
    "load_docs",
    "load_tokenizer",
    "read_file",
    "read_files",
    "read_folder",
    "read_tfds",
    "sample_order",
    "sample_rows",
    "steps_per_epoch",
    "tokenize",
    "train_tokenizer",
    "training_dataset",
]
