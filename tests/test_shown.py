"""What is printed and drawn, by its numbers: each is found a second time, in plain Python on the prices."""

import io
import math
import re
import statistics
from dataclasses import fields
from itertools import pairwise

import numpy as np
import pytest
from matplotlib.ticker import ScalarFormatter
from rich.console import Console

import elman_np as en
import elman_np.__main__ as command
from elman_np import commands, notebook, picture
from elman_np.notebook.command import parts_that_fit
from elman_np.notebook.picture import FATE_COLOURS
from tests.support.observed import check, observed, observes
from tests.support.prices import ROWS, YEAR, closes

mdates = pytest.importorskip("matplotlib.dates")

CLOSE = YEAR.tolist()
DATES = np.array([row["Date"] for row in ROWS if row["Date"][:4] == "2023"], "datetime64[ns]")
BOTH = closes("2023-01-01", "2024-05-11").tolist()
X, TARGET = CLOSE[:-1], CLOSE[1:]
FORECAST = [value + 0.5 + (day % 7) / 10 for day, value in enumerate(CLOSE)]
TRAIN, TEST = 175, 212


def rms(values):
    values = list(values)
    return math.sqrt(math.fsum(value**2 for value in values) / len(values))


def printed(thing):
    """A table as it is printed, row by row."""
    text = io.StringIO()
    Console(file=text, width=200).print(thing)
    rows = [line for line in text.getvalue().splitlines() if re.search(r"\d", line)]
    return [[cell.strip() for cell in re.split("[│┃]", row)[1:-1]] for row in rows]


# ---------------------------------------------------------------- python -m elman_np


def errors_by_days(close, forecast, train, test):
    """An error belongs to the day that is forecast, which knows the closes up to the day before."""
    mean = statistics.fmean(list(close[:train]))
    found = {"Elman network": [[], [], []], "tomorrow = today": [[], [], []]}
    found["mean of the training part"] = [[], [], []]
    for day in range(1, len(close)):
        part = 0 if day < train else 1 if day < test else 2
        found["Elman network"][part].append(forecast[day - 1] - close[day])
        found["tomorrow = today"][part].append(close[day - 1] - close[day])
        found["mean of the training part"][part].append(mean - close[day])
    return {name: [rms(part) for part in parts] for name, parts in found.items()}


NUMBERS = observed(
    "elman_np.__main__.forecast_errors",
    command.forecast_errors,
    {"close": np.array(CLOSE), "forecast": np.array(FORECAST), "train": TRAIN, "test": TEST},
    {"close": np.array(BOTH[90:340]), "forecast": np.array(FORECAST[::-1]), "train": 100, "test": 249},
    errors_by_days,
    roundings=300,  # a mean of 249 squares at most, and the mean of the training
)


@observes("elman_np.__main__.errors_table", "errors heading")
def test_errors_are_laid_out_a_row_a_forecast():
    table = command.errors_table({"one": [1.0, 2.0006, 0.12345], "two": [3, 4, 5]}, "of [red]x")
    assert str(table.title) == r"of \[red]x"
    assert [column.header for column in table.columns] == ["forecast", "training", "validation", "test"]
    assert printed(table) == [["one", "1.000", "2.001", "0.123"], ["two", "3.000", "4.000", "5.000"]]


@pytest.mark.parametrize(
    ("smallest", "shown"),
    [(1.0, "1.00"), (0.999, "0.999"), (9.99, "9.99"), (10.0, "10.0"), (123.4, "123"), (4567.0, "4567"),
     (0.01, "0.0100"), (0.00012345, "0.000123")],
)  # fmt: skip
def test_the_smallest_error_has_three_digits_and_the_others_as_many_decimals(smallest, shown):
    table = command.errors_table({"one": [20_000.0, smallest, 20_000.0], "all": [0.0] * 3}, "x")
    decimals = len(shown.partition(".")[2])
    assert printed(table) == [
        ["one", f"{20_000:.{decimals}f}", shown, f"{20_000:.{decimals}f}"],
        ["all", *[f"{0:.{decimals}f}"] * 3],
    ]


def panels(figure):
    """Its axes, whose lines go straight from each of their points to the next, and can be seen."""
    for one in (one for axes in figure.axes for one in axes.lines):
        assert (one.get_drawstyle(), one.get_markevery(), one.get_visible()) == ("default", None, True)
        assert one.get_alpha() in (None, 1)
        assert one.get_linewidth() > 0
    return figure.axes


def line(axes, label):
    """Days and values of the line with this label."""
    (found,) = [one for one in axes.lines if one.get_label().startswith(label)]
    return found.get_xydata()


def drawn(**changes):
    given = {
        "dates": DATES, "close": np.array(CLOSE), "forecast": np.array(FORECAST), "train": TRAIN, "test": TEST
    }  # fmt: skip
    return picture.draw_forecast(**given | changes)


@observes("elman_np.picture.draw_forecast", "dates close forecast train test title label")
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"dates": DATES + np.timedelta64(7, "D")},
        {"close": np.array(CLOSE[::-1])},
        {"forecast": np.array(FORECAST[::-1])},
        {"train": 100},
        {"test": 240},
        {"title": "sold, by $day$"},
        {"label": "portions for $2$"},
        {"dates": np.arange(len(CLOSE))},
    ],
    ids=lambda changes: "".join(changes) or "none",
)
def test_the_picture_shows_each_number_on_its_day(changes):
    given = {"dates": DATES, "close": CLOSE, "forecast": FORECAST, "train": TRAIN, "test": TEST} | changes
    dated = given["dates"].dtype.kind == "M"
    days = [float(mdates.date2num(day) if dated else day) for day in given["dates"]]
    close, forecast = list(given["close"]), list(given["forecast"])
    train, test, count = given["train"], given["test"], len(CLOSE)
    year, last = panels(drawn(**changes))

    actual, network = (one.get_xydata() for one in year.lines)
    np.testing.assert_array_equal(actual, list(zip(days, close, strict=True)))
    np.testing.assert_array_equal(network, list(zip(days[1:], forecast[:-1], strict=True)))
    spans = [(patch.get_x(), patch.get_x() + patch.get_width()) for patch in year.patches]
    borders = [days[0], days[train], days[test], days[-1]]
    assert spans == list(pairwise(borders))
    shades = [patch.get_alpha() for patch in year.patches]
    assert shades == sorted(set(shades))
    for text, name, first, stop in zip(
        year.texts, ("training", "validation", "test"), (0, train, test), (train, test, count), strict=True
    ):
        assert text.get_text() == name
        place = text.get_position()[0]
        assert (mdates.date2num(place) if dated else place) == days[(first + stop - 1) // 2]

    shown = range(test, count)
    expected = {
        "actual": [(days[day], close[day]) for day in shown],
        "Elman network": [(days[day], forecast[day - 1]) for day in shown],
        "tomorrow = today": [(days[day], close[day - 1]) for day in shown],
    }
    for name, points in expected.items():
        np.testing.assert_array_equal(line(last, name), points)
    errors = errors_by_days(close, forecast, train, test)
    assert [text.get_text() for text in last.get_legend().get_texts()] == [
        "actual",
        *(f"{name}: off by {errors[name][2]:.3g} (RMSE)" for name in ("Elman network", "tomorrow = today")),
    ]
    assert [axes.get_ylabel() for axes in (year, last)] == [given.get("label", "dollars, adjusted")] * 2
    title = given.get("title", "SPLG: an Elman network's forecast of the next close")
    assert year.get_title(loc="left") == title
    assert [axes.yaxis.label.get_parse_math() for axes in (year, last)] == [False, False]
    formatters = {type(axes.xaxis.get_major_formatter()) for axes in (year, last)}
    assert formatters == {mdates.ConciseDateFormatter if dated else ScalarFormatter}
    colours = [[one.get_color() for one in axes.lines] for axes in (year, last)]
    assert colours[0] == colours[1][:2]  # one colour each, in both panels
    assert len(set(colours[1])) == 3
    handles = last.get_legend().get_lines()
    assert [handle.get_color() for handle in handles] == colours[1]


# ---------------------------------------------------------------- the notebook


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"forecast": np.full(len(CLOSE), np.nan)}, ValueError, "^forecast: expected finite values, got nan"),
        ({"close": np.full(len(CLOSE), np.inf)}, ValueError, "^close: expected finite values, got inf"),
        ({"forecast": np.array(FORECAST, "f4")}, TypeError, "^forecast: expected dtype float64"),
        ({"close": np.arange(len(CLOSE))}, TypeError, "^close: expected a floating-point array"),
        ({"dates": np.array(3)}, ValueError, r"^dates: expected shape \(1,\), got \(\)"),
    ],
)
def test_a_picture_of_what_is_no_forecast_is_refused_by_name(changes, error, message):
    with pytest.raises(error, match=message):
        drawn(**changes)
    with pytest.raises(TypeError, match=r"^history: expected elman_np\.History, got int"):
        picture.draw_history(3)


def test_both_years_yardsticks_are_those_of_the_prices():
    year, after = notebook.yardsticks()
    days = len(CLOSE) - 1
    mean = statistics.fmean(TARGET)
    x, target = BOTH[:-1], BOTH[1:]
    for found, part in ((year, slice(days)), (after, slice(days, None))):
        assert found.days == len(x[part])
        assert found.mean == pytest.approx(rms(mean - close for close in target[part]), rel=1e-13)
        today = rms(a - b for a, b in zip(x[part], target[part], strict=True))
        assert found.today == pytest.approx(today, rel=1e-13)


def check_by_hand(predictions, x):
    """Half a unit of the fourth digit of each parameter and of the print, moved to where it does most."""
    allowed, off, predictions = bounds_by_hand(x.tolist()), [], predictions.tolist()
    for day, shown in enumerate(notebook.PRINTED_PREDICTIONS.tolist()):
        off.append(abs(predictions[day] - shown))
    worst = off.index(max(off))
    over = sum(a > b for a, b in zip(off, allowed, strict=False))
    return off[worst], allowed[worst], over, all(value == 38.8893 for value in predictions[1:50:2])


def bounds_by_hand(x):
    e, w_x, b_h, w_y = 0.00005, 0.1638, 1.4434, 1.0487
    on = [w_y * (v + 1) * e + (w_x * v + b_h + (v + 1) * e) * e + 2 * e for v in x]
    return [2 * e if day % 2 else value for day, value in enumerate(on)]


PREDICTED = notebook.predict(notebook.PRINTED, np.array(X))[0][:, 0]
WRONG = PREDICTED + np.linspace(0, 0.01, len(PREDICTED))


def worth_by_hand(printed, run, x, target):
    mean = statistics.fmean(target.tolist())
    both = {"the printed parameters": printed, "this run": run, "the mean of the targets": [mean] * len(x)}
    return {
        name: rms(float(a) - float(b) for a, b in zip(values, target, strict=True))
        for name, values in (both | {"tomorrow = today": x}).items()
    }


def line_by_hand(update, samples):
    """'Train Epoch: 100 [150/249 (60%)]': days seen before the batch, and how many batches of all."""
    share = update.batch / math.ceil(samples / 50)
    return (
        f"Train Epoch: {update.epoch} [{update.batch * update.days}/{samples} ({share:.0%})]"
        f"\tLoss: {update.loss:.6f}"
    )


NUMBERS += [
    *observed("elman_np.notebook.printed_bound", notebook.printed_bound, {"x": np.array(X[:50])},
              {"x": np.array(X[100:150])}, lambda x: np.array(bounds_by_hand(x.tolist())), 20),
    *observed("elman_np.notebook.check_printed", notebook.check_printed,
              {"predictions": PREDICTED, "x": np.array(X)},
              {"predictions": WRONG, "x": np.array(X) * 2}, check_by_hand, 20),
    *observed("elman_np.notebook.worth", notebook.worth,
              {"printed": PREDICTED, "run": WRONG, "x": np.array(X), "target": np.array(TARGET)},
              {"printed": WRONG, "run": PREDICTED.astype(np.float32), "x": np.array(X[::-1]),
               "target": np.array(TARGET[::-1])}, worth_by_hand, 300),
    *observed("elman_np.notebook.training_line", notebook.training_line,
              {"update": notebook.Update(8, 2, 3, 50, 7.5), "samples": 249},
              {"update": notebook.Update(15, 3, 4, 49, 0.1234567), "samples": 1_000}, line_by_hand),
]  # fmt: skip


@pytest.mark.parametrize(("one", "option"), NUMBERS)
def test_each_number_is_found_a_second_way(one, option):
    check(one, option)


# ---------------------------------------------------------------- the fates


def study(name="a study", seed=0, count=40):
    """A study whose numbers were not trained: below, between and above all four yardsticks, and drawn."""
    rng = np.random.default_rng(seed)
    fate = rng.choice(5, count, p=[0.1, 0.35, 0.3, 0.2, 0.05])
    error, after = rng.uniform(0.2, 4, count), rng.uniform(0.2, 12, count)
    error[:7] = after[-7:] = [0.39, 0.40, 0.42, 0.43, 2.7, 2.9, 9.3]  # 0.394, 0.422, 2.786 and 9.284
    return notebook.Study(name, notebook.Recipe(), np.zeros((5, count)), fate, error, after)


def summary_by_hand(one):
    mean = statistics.fmean(TARGET)
    x, target = BOTH[len(X) : -1], BOTH[len(X) + 1 :]
    today = rms(a - b for a, b in zip(X, TARGET, strict=True))
    error, after = sorted(one.error.tolist()), sorted(one.error_after.tolist())
    return (
        dict(zip(notebook.FATES, [one.fate.tolist().count(index) for index in range(5)], strict=True)),
        sum(value < rms(mean - close for close in TARGET) for value in error),
        sum(value < today for value in error),
        statistics.median(error),
        error[0],
        statistics.median(after),
        sum(value < rms(a - b for a, b in zip(x, target, strict=True)) for value in after),
    )


@observes("elman_np.notebook.summary", "one")
@observes("elman_np.notebook.table_cells", "one")
@observes("elman_np.notebook.Study.count", "fate")
@pytest.mark.parametrize("seed", range(4))
def test_a_study_is_summed_up(seed):
    one = study(seed=seed, count=40 + seed)
    fates, *numbers = summary_by_hand(one)
    found = notebook.summary(one)
    assert found.fates == fates == {fate: one.count(fate) for fate in notebook.FATES}
    assert list(found)[1:] == pytest.approx(numbers, rel=1e-15)
    assert list(found)[1:4:2] != list(found)[2:5:2]
    assert notebook.table_cells(one) == [
        *map(str, fates.values()),
        *(str(value) if isinstance(value, int) else f"{value:.3f}" for value in numbers),
    ]


def test_who_is_as_far_off_as_a_yardstick_has_not_beaten_it():
    year, after = notebook.yardsticks()
    error, error_after = np.array([year.mean, year.today, 9.0]), np.array([after.today, 9.0, 99.0])
    for below in (0, 1):
        errors = [np.nextafter(z, 0) if below else z for z in (error, error_after)]
        one = notebook.Study("a study", notebook.Recipe(), np.zeros((5, 3)), np.zeros(3, int), *errors)
        found = notebook.summary(one)
        lesser = year.mean < year.today  # the one counts for the other too
        assert (found.beat_mean, found.beat_today, found.beat_today_after) == (
            below + (not lesser), below + lesser, below
        )  # fmt: skip


@observes("elman_np.notebook.fates_table", "found part")
def test_the_table_of_fates_has_each_number_under_its_heading():
    found = [study(f"study {seed}", seed) for seed in range(13)]
    table = notebook.fates_table(found)
    assert table.title == "40 starts of the notebook's training, repair by repair"
    assert [str(column.header).replace("\n", " ") for column in table.columns] == [
        "", *notebook.FATES, "beat mean", "beat today", "median error", "best error", "median 2024",
        "beat today 2024",
    ]  # fmt: skip
    assert [column.justify for column in table.columns] == ["left"] + 11 * ["right"]
    assert all(column.no_wrap for column in table.columns)
    assert [k for k, row in enumerate(table.rows) if row.end_section] == [0, len(notebook.REPAIRS)]
    rows = printed(table)[-13:]
    assert rows == [[one.name, *notebook.table_cells(one)] for one in found]
    for part in (slice(5), slice(5, None)):
        narrow = notebook.fates_table(found, part)
        assert [column.header for column in narrow.columns[1:]] == [
            column.header for column in table.columns[1:]
        ][part]
        assert printed(narrow)[-13:] == [[name, *cells[part]] for name, *cells in rows]
        assert commands.natural_width(narrow) <= 80


@pytest.mark.parametrize("width", [130, 80, 60, 50])
def test_the_fates_are_cut_so_that_no_number_is(width):
    found = [study(f"study {seed}", seed) for seed in range(2)]
    parts = parts_that_fit(found, width)
    assert [k for part in parts for k in range(11)[part]] == list(range(11))
    assert all(commands.natural_width(notebook.fates_table(found, part)) <= width for part in parts)
    assert len(parts) == {130: 1, 80: 2}.get(width, len(parts))


@observes("elman_np.picture.draw_history", "history")
@pytest.mark.parametrize(
    "judged", [(None, None, None), (4.0, None, 6.0), (4.0, 5.0, 6.0), (3.0,), (2.0,) * 500]
)
def test_the_picture_of_a_training_shows_each_loss_at_its_epoch(judged):
    losses = [1.0, 2.0, 0.5, *(1e3 / (1 + k) for k in range(497))][: len(judged)]
    epochs = [en.Epoch(7 + k, loss, 1.0, judged[k]) for k, loss in enumerate(losses)]
    (axes,) = panels(picture.draw_history(en.History(epochs)))
    np.testing.assert_array_equal(
        line(axes, "training loss"), [(7 + k, loss) for k, loss in enumerate(losses)]
    )
    points = [(7 + k, loss) for k, loss in enumerate(judged) if loss is not None]
    if points:
        np.testing.assert_array_equal(line(axes, "validation loss"), points)
    assert len(axes.lines) == 1 + bool(points)
    assert axes.get_yscale() == "log"
    with pytest.raises(ValueError, match="history: expected at least one epoch"):
        picture.draw_history(en.History())


@observes("elman_np.notebook.draw_fates", "found")
def test_the_picture_of_fates_shows_their_shares_and_errors():
    found = [study(f"study {seed}", seed) for seed in range(13)]
    figure = notebook.draw_fates(found)
    run, fate, error = panels(figure)
    days = list(range(2, 251))
    np.testing.assert_array_equal(run.lines[0].get_xydata(), list(zip(days, PREDICTED, strict=True)))
    np.testing.assert_array_equal(run.lines[1].get_xydata(), list(zip(days, TARGET, strict=True)))
    assert run.lines[0].get_color() == run.texts[1].get_color() != run.lines[1].get_color()
    assert [text.get_text() for text in run.texts] == ["close", "predictions with the printed parameters"]

    bars = {bars.get_label(): list(bars) for bars in fate.containers}
    assert list(bars) == list(notebook.FATES) == [text.get_text() for text in fate.get_legend().get_texts()]
    heights = [text.get_position()[1] for text in fate.get_yticklabels()]
    assert [text.get_text() for text in fate.get_yticklabels()] == [one.name for one in found]
    for row, one in enumerate(found):
        left = 0.0
        for name in notebook.FATES:
            bar, share = bars[name][row], 100 * summary_by_hand(one)[0][name] / 40
            assert (bar.get_x(), bar.get_width()) == pytest.approx((left, share), abs=1e-12)
            assert bar.get_y() + bar.get_height() / 2 == pytest.approx(heights[row])
            left += share
        assert left == pytest.approx(100)
        five = [line.get_xydata() for line in error.lines[3 * row : 3 * row + 3]]
        ordered = statistics.quantiles(one.error.tolist(), n=20, method="inclusive")
        expected = [ordered[0], ordered[18], ordered[4], ordered[14], statistics.median(one.error.tolist())]
        assert np.concatenate(five)[:, 0] == pytest.approx(expected, rel=1e-13)
        assert set(np.concatenate(five)[:, 1]) == {heights[row]}
    assert heights == sorted(set(heights))
    assert fate.get_ylim()[0] > fate.get_ylim()[1]  # the notebook on top
    assert fate.get_ylim() == error.get_ylim()
    assert fate.get_xlabel() == "% of 40 starts"

    mean, today = statistics.fmean(TARGET), rms(a - b for a, b in zip(X, TARGET, strict=True))
    marks = {"today": today, "mean": rms(mean - close for close in TARGET)}
    for (name, value), one, text in zip(marks.items(), error.lines[39:], error.texts, strict=True):
        assert one.get_xdata() == pytest.approx([value, value], rel=1e-13)
        assert text.get_text() == rf"{name}" + "\n" + rf"\${value:.2f}"
        assert text.get_position()[0] == pytest.approx(value, rel=1e-13)
    assert list(FATE_COLOURS) == list(notebook.FATES)
    assert len(set(FATE_COLOURS.values())) == 5


def test_the_starts_are_printed_with_both_years_yardsticks(capsys):
    assert notebook.main(["--starts", "3", "--epochs", "1"]) == 0
    text = capsys.readouterr().out
    assert "…" not in text  # no number is cut off
    found = list(notebook.studies(3, epochs=1))
    rows = [[cell.strip() for cell in re.split("│", row)[1:-1]] for row in text.splitlines() if "│" in row]
    assert rows == [[one.name, *notebook.table_cells(one)] for one in found]
    mean, year = statistics.fmean(TARGET), len(X)
    off = [
        [rms(guess - close for guess, close in zip(guesses[part], BOTH[1:][part], strict=True))
         for part in (slice(year), slice(year, None))]
        for guesses in (BOTH[:-1], [mean] * len(BOTH[1:]))
    ]  # fmt: skip
    assert re.sub(r"\s+", " ", text).endswith(
        f"'Tomorrow = today' is off by {off[0][0]:.3f} in 2023, and by {off[0][1]:.3f} on the "
        f"{len(BOTH) - len(CLOSE)} days to May 2024; the mean of 2023's targets by {off[1][0]:.3f} "
        f"and {off[1][1]:.3f}. "
    )


RECORDS = {
    "Backend": "package train predict",
    "PrintedCheck": "largest allowed exceeding every_second_is_b_y",
    "Recipe": "broadcast shuffle standardise init activation reset_every epochs",
    "Study": "name recipe starts fate error error_after",
    "Summary": "fates beat_mean beat_today median best median_after beat_today_after",
    "Update": "number epoch batch days loss",
    "Yardsticks": "days mean today",
}


for record, names in RECORDS.items():
    observes(f"elman_np.notebook.{record}", names)


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_holds_what_was_given(record):
    kind, names = getattr(notebook, record), RECORDS[record].split()
    assert names == list(getattr(kind, "_fields", ())) or [field.name for field in fields(kind)]
    made = kind(**{name: f"this is {name}" for name in names})
    assert {name: getattr(made, name) for name in names} == {name: f"this is {name}" for name in names}


def test_a_validation_loss_of_zero_is_drawn():
    history = en.History(
        [en.Epoch(1, 1.0, 1.0, 0.5), en.Epoch(2, 0.5, 1.0, 0.0), en.Epoch(3, 0.25, 1.0, None)]
    )
    (axes,) = picture.draw_history(history).axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2, 3], [1, 2]]


@pytest.mark.parametrize("place", range(3))
def test_the_smallest_error_has_three_digits_wherever_it_stands(place):
    errors = [1.0, 2.0, 3.0]
    errors[place] = 0.001234
    table = command.errors_table({"n": errors}, "h")
    cells = [[*column.cells] for column in table.columns]
    assert cells[1 + place] == ["0.00123"]


def test_errors_that_are_all_zero_have_two_decimals_and_numbers_stand_to_the_right():
    table = command.errors_table({"n": [0.0, 0.0, 0.0]}, "h")
    assert [[*column.cells] for column in table.columns] == [["n"], ["0.00"], ["0.00"], ["0.00"]]
    assert [column.justify for column in table.columns] == ["left", "right", "right", "right"]


def test_a_table_as_wide_as_the_terminal_is_whole_and_one_that_is_wider_is_cut():
    found = [study(f"study {seed}", seed) for seed in range(2)]
    width = commands.natural_width(notebook.fates_table(found, slice(None)))
    assert parts_that_fit(found, width) == [slice(None)]
    assert len(parts_that_fit(found, width - 1)) > 1
