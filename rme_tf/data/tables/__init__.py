"""Tables of CSV and Parquet files: encodings, splits and batches.

    frame = read_table("my_table.csv")
    data = encode_table(frame, label="class")   # data.arrays.train: float32 [N, F], NaN where a cell is missing
    data.encoding.save("encoding.json")
    data.encoding.decode(data.arrays.test)      # a data frame in the original levels and units

The optional packages are pandas and, for Parquet, pyarrow: `pip install "rme_tf[table]"`.
"""

from rme_tf.data.tables.arrays import TableData, encode_table, training_dataset
from rme_tf.data.tables.columns import (
    KINDS,
    BinaryColumn,
    CategoryColumn,
    Column,
    CountColumn,
    LevelColumn,
    RealColumn,
)
from rme_tf.data.tables.embedded import EMBEDDED, load_embedded
from rme_tf.data.tables.encoding import TableEncoding
from rme_tf.data.tables.files import read_table
from rme_tf.data.tables.kinds import infer_kind
from rme_tf.data.tables.splits import TableSplits, split_by_column, split_rows

__all__ = [
    "BinaryColumn",
    "CategoryColumn",
    "Column",
    "CountColumn",
    "EMBEDDED",
    "KINDS",
    "LevelColumn",
    "RealColumn",
    "TableData",
    "TableEncoding",
    "TableSplits",
    "encode_table",
    "infer_kind",
    "load_embedded",
    "read_table",
    "split_by_column",
    "split_rows",
    "training_dataset",
]
