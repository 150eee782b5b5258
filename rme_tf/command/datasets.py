"""The data sets that recipes know by name."""

from tabulate import tabulate

from .descriptions import description

WIDTHS = (24, 16, 26, 22, 40)  # of the columns, in characters
NOTE = "One of them: rme train images --dataset NAME. Your own: rme train KIND --path PATH."


def datasets() -> None:
    """Prints the data sets: size, splits, license and source."""
    for table in description()["data"]:
        widths = list(WIDTHS[: len(table["columns"])])
        print(tabulate(table["rows"], headers=table["columns"], maxcolwidths=widths, disable_numparse=True), end="\n\n")
    print(NOTE)
