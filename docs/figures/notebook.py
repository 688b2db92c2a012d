"""The figure of the notebook's page, and the numbers of its table: `python docs/figures/notebook.py`."""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
from palette import RC, save_svg

from elman_np import notebook

HERE = Path(__file__).parent


def main() -> None:
    """Study the starts (a minute), draw, and print the table in Markdown."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--starts", type=int, default=1_000)
    options.add_argument("--to", type=Path, default=HERE / "notebook.svg")
    chosen = options.parse_args()
    found = list(notebook.studies(chosen.starts))
    with plt.rc_context(RC):
        save_svg(notebook.draw_fates(found), chosen.to)
    for one in found:
        print("|", " | ".join([one.name, *notebook.table_cells(one)]), "|")


if __name__ == "__main__":
    main()
