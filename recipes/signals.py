"""Recursive mixture estimation on signals in the rows of a table.

The columns of a CSV or Parquet file are the steps of a signal of one channel, in the order of the file; convolutions
along them take the place of the networks of a table. Each step is standardized. Without `--path`, the signals are
`waveform`: 3,000 drawn ones of 21 steps, of three classes (Breiman et al., 1984).

    python recipes/signals.py
    python recipes/signals.py --path FILE.csv --label COLUMN --ignored-columns id

The run's directory receives the files of a table's run and `reconstructions.png`. Expected number: not yet recorded.
"""

from rme_tf import experiments

SIGNALS = experiments.TABLE_RECIPES["signals"]

if __name__ == "__main__":
    experiments.main(SIGNALS, __doc__)
