"""Recursive mixture estimation on a table, a CSV or Parquet file.

Real columns are standardized, counts, two levels and categories are encoded by kind; kinds are inferred, and chosen by
`--real-columns a,b`, `--count-columns`, `--binary-columns`, `--category-columns` and `--ignored-columns`. Cells may be
missing. Without `--path`, the table is `breast_cancer` of scikit-learn: 569 rows of 30 real columns.

    python recipes/table_data.py --path FILE.csv --label COLUMN --components 5
    python recipes/table_data.py --table wine --latent-dim 2

The run's directory receives `encoding.json` (columns, units and levels), the metrics (bounds in nats a row),
`samples.csv`, and for a table with missing cells `imputed.csv` (the mean or the most probable level, and draws) and
`completed.csv`. Expected number: not yet recorded.
"""

from rme_tf import experiments

TABLE_DATA = experiments.TABLE_RECIPES["table_data"]

if __name__ == "__main__":
    experiments.main(TABLE_DATA, __doc__)
