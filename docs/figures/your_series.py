"""The file and the figure of the page on your own series: `python docs/figures/your_series.py`."""

from datetime import date, timedelta
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from palette import LIGHT, RC, save_svg

import elman_np as en

HERE = Path(__file__).parent
DAYS = 240


def stall() -> pl.DataFrame:
    """Make the file: warm days in summer, warm spells, and who sees a warm day buys on the next."""
    noise = np.random.default_rng(0).standard_normal((DAYS, 2))
    days = [date(2024, 3, 1) + timedelta(n) for n in range(DAYS)]
    temperature, sold, spell = np.zeros(DAYS), np.zeros(DAYS), 0.0
    for n, day in enumerate(days):
        spell = 0.8 * spell + 2.5 * noise[n, 0]
        temperature[n] = 15 - 9 * np.cos(2 * np.pi * (n + 40) / 365) + spell
        weekend = 25 if day.weekday() >= 5 else 0
        sold[n] = max(0, 20 + 4 * temperature[max(n - 1, 0)] + weekend + 5 * noise[n, 1])
    whole = np.rint(sold).astype(int)
    return pl.DataFrame({"day": days, "temperature": np.round(temperature, 1), "sold": whole})


def main() -> None:
    """Write the file, train as the page does, and draw."""
    stall().write_csv(HERE.parent / "your_series.csv")
    frame = stall().with_columns(pl.col("sold").cast(pl.Float64))
    train, _, test = en.split(frame, 0.7, 0.15)
    scaler = en.Scaler.fit(train)
    both = en.ElmanRNN(2, 8, 2, rng=0)
    windows = en.windows(scaler.transform(train), 20)
    en.train(both, *windows, optimiser=en.Adam(lr=0.01), epochs=100, batch_size=32, clip_norm=1.0, rng=0)
    forecast = en.forecast(both, scaler, frame, steps=7)
    with plt.rc_context(RC):
        figure, axes = plt.subplots(figsize=(8, 3.2), layout="constrained")
        shown, known, week = frame.tail(len(test)), forecast[-7 - len(test) : -6], forecast.tail(7)
        axes.plot(shown["day"], shown["sold"], color=LIGHT["ink"], marker=".", label="sold")
        axes.plot(known["day"], known["sold"], color=LIGHT["red"], label="forecast the day before")
        axes.plot(week["day"], week["sold"], color=LIGHT["red"], ls=":", marker=".", label="the week after")
        axes.set_ylabel("portions")
        axes.legend()
        save_svg(figure, HERE / "your_series.svg")


if __name__ == "__main__":
    main()
