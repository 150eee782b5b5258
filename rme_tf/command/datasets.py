"""The data sets, and the commands for them."""

from tabulate import tabulate

from .descriptions import description, kind_of_data

# What to type for other data, and what it reads.
TYPED = (
    ("rme train images --path FOLDER", "a folder of images, with all folders in it"),
    ("rme train table --path FILE", "a CSV or Parquet file"),
    ("rme train table --table NAME", "a table of scikit-learn: {tables}"),
    ("rme train text --path FILE", "a file of sentences, one a line"),
    ("rme train text --path FOLDER", "train.txt, validation.txt and test.txt"),
    ("rme train text --corpus docs", "Python's own documentation"),
    ("rme train text --tfds NAME --field FIELD", "a field of a data set of TensorFlow Datasets"),
)


def datasets() -> None:
    """Prints the data sets by name, their sources, and commands for others."""
    print("Images by name: rme train images --dataset NAME\n")
    data = description()["data"]
    listed = [row for row in data["rows"] if row[0] != "folder"]
    print(tabulate([row[:-1] for row in listed], headers=data["columns"][:-1], disable_numparse=True))
    print("\nTheir sources, where 'here' is the folder of --data-dir (data/), and 'path' is --path:\n")
    print("\n".join(f"  {row[0]}: {row[-1]}" for row in listed))
    print("\nOther data:\n")
    fields = kind_of_data("table")["fields"]
    tables = ", ".join(next(field["choices"] for field in fields if field["name"] == "table"))
    width = max(len(command) for command, _ in TYPED)
    print("\n".join(f"  {command:{width}}  {text.format(tables=tables)}" for command, text in TYPED))
