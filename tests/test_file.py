"""Somebody's file: what is read of it, and what both commands make of it."""

from datetime import date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

import elman_np as en
import elman_np.__main__ as command
import elman_torch.__main__ as torch_command
from elman_np import picture
from elman_np.commands import console, say_where_no_dates
from elman_np.data.conversion import Labelled
from elman_np.data.file import read_file
from elman_torch.report import problems
from tests.support.observed import observes, same
from tests.test_options_commands import printed_errors

PAGE = Path(__file__).parents[1] / "docs" / "your_series.md"
BUNDLED = Path(en.__file__).parent / "data" / "splg.csv"
PRICES = en.load_splg()
DAYS = [day.date() for day in PRICES["Date"].to_list()]
CLOSE = PRICES["Close"].to_list()


def written(tmp_path, text, name="prices.csv"):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return path


def as_yfinance_writes(tmp_path, tickers=("SPLG",), first="Price", dates="Date"):
    """What `yfinance.download(...).to_csv(...)` makes: of columns with two names, three lines at the head."""
    names = {"Price": ["Close", "Volume"], "Ticker": tickers}
    order = [first, "Ticker" if first == "Price" else "Price"]
    columns = pd.MultiIndex.from_product([names[name] for name in order], names=order)
    values = {label: np.array(CLOSE) + len(label[order.index("Ticker")]) for label in columns}
    index = pd.DatetimeIndex(DAYS, name=dates, tz="UTC" if dates == "Datetime" else None)
    path = tmp_path / "yfinance.csv"
    pd.DataFrame(values, index=index, columns=columns).to_csv(path)
    return path


def test_a_csv_is_read_by_its_names(tmp_path):
    frame = read_file(BUNDLED, "Close", start="2023-01-01", end="2024-01-01")
    assert frame.columns == ["Date", "Close"]
    assert frame["Date"].to_list() == DAYS
    assert frame["Close"].to_list() == CLOSE
    assert read_file(BUNDLED, "High", "Date").height == 1259
    marked = written(tmp_path, "\ufeffday,a\n2023-01-02,1.5\n2023-01-03,2.5\n")
    assert read_file(marked, "a", "day").rows() == [(date(2023, 1, 2), 1.5), (date(2023, 1, 3), 2.5)]


def test_a_parquet_file_is_read_as_a_csv_is(tmp_path):
    path = tmp_path / "prices.parquet"
    PRICES.write_parquet(path)
    assert read_file(path, "Close").rows() == list(zip(PRICES["Date"].to_list(), CLOSE, strict=True))
    assert read_file(path, "Volume")["Volume"].to_list() == PRICES["Volume"].cast(float).to_list()


@pytest.mark.parametrize("first", ["Price", "Ticker"])
@pytest.mark.parametrize("dates", ["Date", "Datetime"])
def test_the_three_lines_that_yfinance_writes_are_read_as_one(tmp_path, first, dates):
    frame = read_file(as_yfinance_writes(tmp_path, first=first, dates=dates), "Close")
    assert frame.columns == [dates, "Close"]
    assert [day if dates == "Date" else day.date() for day in frame[dates].to_list()] == DAYS
    assert frame["Close"].to_list() == (np.array(CLOSE) + 4).tolist()
    text = as_yfinance_writes(tmp_path, first=first, dates=dates).read_text(encoding="utf-8")
    assert read_file(written(tmp_path, f"\ufeff{text}", "marked.csv"), "Close").equals(frame)
    whole = [f"2023-01-03,{n},{n}" for n in range(200)]
    late = "\n".join([*text.splitlines()[:3], *whole, "2023-01-03,0.5,1"])  # whole numbers for 200 days
    assert read_file(written(tmp_path, late), "Close")["Close"].to_list() == [*range(200), 0.5]
    several = as_yfinance_writes(tmp_path, ("SPLG", "SPYM5"), first)
    for ticker in ("SPLG", "SPYM5"):
        found = read_file(several, f"Close {ticker}")[f"Close {ticker}"].to_list()
        assert found == (np.array(CLOSE) + len(ticker)).tolist()


def test_the_only_column_of_dates_is_taken_and_of_several_none(tmp_path):
    path = written(tmp_path, "a,due,paid\n1,2023-01-02,2023-02-02\n2,2023-01-03,2023-02-04\n")
    assert read_file(path, "a").columns == ["a"]
    assert read_file(path, "a", "paid")["paid"].to_list() == [date(2023, 2, 2), date(2023, 2, 4)]
    clock = written(tmp_path, "at,a\n2023-01-02T09:30:00,1\n2023-01-02T16:00:00,2\n2023-01-03T09:30:00,3\n")
    assert read_file(clock, "a")["at"].to_list()[0] == datetime(2023, 1, 2, 9, 30)
    assert read_file(clock, "a", end="2023-01-03")["a"].to_list() == [1.0, 2.0]
    assert read_file(clock, "a", start=date(2023, 1, 3))["a"].to_list() == [3.0]


@pytest.mark.parametrize("text", ["43", "43.0", " 43 ", '"43"', "4.3e1", "+43"])
def test_what_says_a_number_is_one(tmp_path, text):
    frame = read_file(written(tmp_path, f"a,b\n{text},x\n44,y\n"), "a")
    assert frame["a"].to_list() == [43.0, 44.0]


@pytest.mark.parametrize(
    ("written_so", "read_as"),
    [
        (["2024-01-01", "2024-01-02"], [date(2024, 1, 1), date(2024, 1, 2)]),
        (["2024/01/01", "2024/01/02"], [date(2024, 1, 1), date(2024, 1, 2)]),
        (["2024-01-01 23:30", "2024-01-02T00:00:01.5"],
         [datetime(2024, 1, 1, 23, 30), datetime(2024, 1, 2, 0, 0, 1, 500_000)]),
        (["2024-01-01", "2024-01-01 12:00"], [datetime(2024, 1, 1), datetime(2024, 1, 1, 12)]),
        (["2024-01-01T00:00:00+02:00", "2024-01-02 00:00:00-0500", "2024-01-03T00:00:00Z"],
         [datetime(2024, 1, day) for day in (1, 2, 3)]),
    ],
)  # fmt: skip
def test_dates_in_a_csv_are_what_they_say_whatever_their_offset(written_so, read_as, tmp_path):
    path = written(tmp_path, "day,a\n" + "".join(f"{text},1\n" for text in written_so))
    assert read_file(path, "a")["day"].to_list() == read_as
    assert read_file(path, "a", "day")["day"].to_list() == read_as


@pytest.mark.parametrize(
    "texts",
    [
        ["03/20/2024", "03/19/2024"],
        ["01/01/2019", "02/01/2019"],
        ["20.03.24 16:00", "19.03.24 16:00"],
        ["Mar 20, 2024", "Mar 19, 2024"],
        ["20 March 2024", "19 March 2024"],
        ["20-Mar-24", "19-Mar-24"],
        ["Wed Mar 20 2024", "Tue Mar 19 2024"],
        ["2024-02-30", "2024-03-01"],
        ["n/a", "2024-03-01"],
    ],
)
def test_dates_that_are_no_iso_dates_are_refused_and_not_guessed(texts, tmp_path):
    path = written(tmp_path, "day,a\n" + "".join(f'"{text}",1\n' for text in texts))
    for named in (None, "day"):
        with pytest.raises(
            ValueError, match=r"^date: expected days such as 2023-01-31 in 'day', got "
        ) as said:
            read_file(path, "a", named)
        assert f"in 'day', got {texts[0]!r}" in str(said.value)
    beside = written(tmp_path, "day,a,due\n" + "".join(f'2024-01-0{d},1,"{texts[0]}"\n' for d in (1, 2)))
    assert read_file(beside, "a").columns == ["day", "a"]


@pytest.mark.parametrize("text", ["marble 12", "1.5.2", "may be", "on 2024-01-02", "12:30", "7"])
def test_text_that_is_no_date_stands_in_nobodys_way(text, tmp_path):
    assert read_file(written(tmp_path, f"note,a\n{text},1\n{text},2\n"), "a").columns == ["a"]


FILES = {
    "none.csv": None,
    "prices.txt": "a\n1\n",
    "empty.csv": "",
    "torn.parquet": "PAR1",
    "latin.csv": b"a,b\xe9\n1,2\n",
    "words.csv": "day,a,b\n2023-01-02,1,x\n2023-01-03,n/a,y\n",
    "ragged.csv": "a,b\n1,2\n1,2,3\n",
    "holed.csv": "day,a\n2023-01-02,1\n2023-01-03,\n",
    "backwards.csv": "day,a\n2023-01-03,1\n2023-01-02,2\n",
    "short.csv": "day,a\n2023-01-02,1\n2023-01-03,2\n",
    "same.csv": "day,a\n" + "".join(f"2023-01-{day},7\n" for day in range(10, 31)),
    "hours.csv": "hour,a\n2023-02-28 23:00,1\n2023-02-30 10:00,2\n2023-03-01 9:00,3\n2023-03-02,3\n",
    "american.csv": "day,a\n01/13/2023,1\n01/14/2023,2\n",
    "plain.csv": "a,b\n1,x\n2,y\n",
    "semicolons.csv": "day;a\n2023-01-02;1.5\n",
    "decimals.csv": "day;a\n2023-01-02;1,5\n",
}
REFUSED = [
    ("none.csv a", "file: expected a file that exists, got "),
    (". a", "file: expected a file that exists, got "),
    ("prices.txt a", "file: expected a name that ends in .csv or .parquet, got "),
    ("empty.csv a", "file: empty.csv cannot be read as CSV, with commas between its columns: "),
    ("torn.parquet a", "file: torn.parquet cannot be read as Parquet: "),
    ("latin.csv a", "file: latin.csv cannot be read as CSV, with commas between its columns: "),
    ("ragged.csv a", "file: ragged.csv cannot be read as CSV, with commas between its columns: "),
    ("words.csv", "column: expected one of 'day', 'a', 'b', got None"),
    ("words.csv A", "column: expected one of 'day', 'a', 'b', got 'A'"),
    ("words.csv b", "column: expected numbers in 'b', got 'x' at index (0,)"),
    ("words.csv a", "column: expected numbers in 'a', got 'n/a' at index (1,)"),
    ("words.csv day", "column: expected numbers in 'day', got '2023-01-02' at index (0,)"),
    ("decimals.csv a", "file: decimals.csv cannot be read as CSV, with commas between its columns: "),
    ("semicolons.csv a", "column: expected one of 'day;a', got 'a'"),
    ("short.csv a Day", "date: expected one of 'day', 'a', got 'Day'"),
    ("short.csv a a", "date: expected days such as 2023-01-31 in 'a', got 1"),
    ("hours.csv a", "date: expected days such as 2023-01-31 in 'hour', got '2023-02-30 10:00'"),
    ("hours.csv a hour", "date: expected days such as 2023-01-31 in 'hour', got '2023-02-30 10:00'"),
    ("american.csv a day", "date: expected days such as 2023-01-31 in 'day', got '01/13/2023'"),
    ("holed.csv a", "holed.csv['a']: expected finite values, got null at index (1,)"),
    (
        "backwards.csv a",
        "backwards.csv['day']: expected dates in ascending order, got 2023-01-02 after 2023-01-03",
    ),
    ("short.csv a", "series: expected enough days for three parts, got 2"),
    ("same.csv a", "series: expected values that differ, got a constant 7.0"),
]


def line_of(arguments, folder):
    name, *more = arguments.split()
    return [
        f"--file={folder / name}",
        *(f"--{o}={v}" for o, v in zip(("column", "date"), more, strict=False)),
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    place = tmp_path_factory.mktemp("files")
    for name, text in FILES.items():
        if text is not None:
            (place / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return place


@pytest.mark.parametrize("module", [command, torch_command], ids=["elman_np", "elman_torch"])
@pytest.mark.parametrize(("arguments", "message"), REFUSED)
def test_a_file_that_cannot_be_used_is_refused_before_any_work(
    module, arguments, message, folder, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as ended:
        module.main([*line_of(arguments, folder), "--length=2"])
    assert ended.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert message in " ".join(err.split())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--column", "Close"], "error: --column: expected together with --file"),
        (["--date", "Date"], "error: --date: expected together with --file"),
        (["--file", str(BUNDLED), "--column=Close", "--source=yahoo"],
         "--source, --cached, --cache-dir: expected none of them beside --file"),
        (["--file", str(BUNDLED), "--column=Close", "--cached"], "expected none of them beside --file"),
        (["--file", str(BUNDLED), "--column=Close", "--start=2030-01-01"],
         "start, end: expected at least one row of splg.csv between them, got none"),
        (["--file", "{folder}/american.csv", "--column=a", "--start=2023-01-01"],
         "date: expected days such as 2023-01-31 in 'day', got '01/13/2023'"),
        (["--file", "{folder}/plain.csv", "--column=a", "--start=2023-01-01"],
         "start, end: expected a column of dates in plain.csv, got none"),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(arguments, message, folder, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main([argument.format(folder=folder) for argument in arguments])
    assert ended.value.code == 2
    assert message in " ".join(capsys.readouterr().err.split())


@observes("python -m elman_np", "file column date")
def test_a_file_is_trained_on_forecast_and_drawn_as_the_bundled_prices_are(tmp_path, capsys, monkeypatch):
    """The bundled file, given by name, makes the same numbers under its own title; High makes others."""
    drawn = []

    def draw(*given, **named):
        drawn.append((given, named))
        return picture.Figure()

    monkeypatch.setattr(picture, "draw_forecast", draw)
    monkeypatch.chdir(tmp_path)
    days, file = ["--start=2023-01-01", "--end=2024-01-01", "--epochs=2"], ["--file", str(BUNDLED)]
    printed = []
    for given in (
        [],
        [*file, "--column=Close"],
        [*file, "--column=Close", "--date=Date"],
        [*file, "--column=High"],
    ):
        assert command.main([*days, *given]) == 0
        printed.append(capsys.readouterr().out)
    numbers = [[line for line in text.splitlines() if "│" in line] for text in printed]
    assert numbers[0] == numbers[1] == numbers[2] != numbers[3]
    for text, rows in zip(printed, ("days", "rows", "rows", "rows"), strict=True):
        assert f"windows of 20 {rows}" in text
        assert f"last 38 of 250 {rows}" in text
    assert "RMSE of the forecast of High, one row ahead" in printed[3]
    for given, named in drawn[1:3]:
        assert same([given[0].astype("datetime64[ns]"), *given[1:]], drawn[0][0])
        assert named == {
            "title": "splg: an Elman network's forecast of Close, one row ahead", "label": "Close"
        }  # fmt: skip
    assert same(drawn[3][0][1], PRICES["High"].to_numpy())
    assert [text.splitlines()[-1] for text in printed] == ["Picture: splg.png"] * 4
    written(tmp_path, "n[red],x\n" + "".join(f"{n * n % 17},{n}\n" for n in range(60)), "[b].csv")
    assert command.main(["--file=[b].csv", "--column=n[red]", "--epochs=1"]) == 0
    text = capsys.readouterr().out
    assert "n[red], one row ahead" in text
    assert text.endswith("Picture: [b].png\n")
    assert drawn[-1][0][0].tolist() == list(range(60))
    unordered = "note: no column of dates found; rows taken as they stand\n"
    assert [unordered in each for each in (*printed, text)] == [False] * 4 + [True]


@pytest.mark.parametrize("rows", [1, 300, 100_000])
@pytest.mark.parametrize("dated", [False, True])
def test_the_note_is_there_for_every_file_without_dates_and_for_no_other(rows, dated, capsys):
    dates = np.datetime64("1700-01-01") + np.arange(rows) if dated else None
    say_where_no_dates(console(100), Labelled(np.ones(rows), ("n",), dates))
    expected = "" if dated else "note: no column of dates found; rows taken as they stand\n"
    assert capsys.readouterr().out == expected


@pytest.mark.parametrize("start", [None, date(2022, 3, 4)])
@pytest.mark.parametrize("end", [None, date(2023, 5, 6)])
def test_days_of_a_file_are_from_start_to_the_day_before_end(start, end):
    """Either alone, too, as options of the command that trains."""
    given = [f"--{name}={day}" for name, day in (("start", start), ("end", end)) if day]
    options = command.parser().parse_args([f"--file={BUNDLED}", "--column=Close", *given])
    found = command.find_subject(console(100), options).series
    every = pl.read_csv(BUNDLED, try_parse_dates=True)
    kept = [
        (day, close)
        for day, close in every.select("Date", "Close").rows()
        if (start is None or day >= start) and (end is None or day < end)
    ]
    assert list(zip(found.dates.astype("datetime64[D]").tolist(), found.values.tolist(), strict=True)) == kept
    assert len(kept) < every.height or not given


def test_a_file_with_a_time_zone_is_drawn_by_its_clocks_where_it_should_be(tmp_path, monkeypatch):
    drawn = []
    monkeypatch.setattr(picture, "draw_forecast", lambda *given, **_: drawn.append(given) or picture.Figure())
    hours = pl.datetime_range(
        pl.datetime(2023, 3, 25), pl.datetime(2023, 3, 28), "1h", time_zone="Europe/Berlin", eager=True
    )
    table = pl.DataFrame({"hour": hours, "x": np.sin(np.arange(float(len(hours))))})
    table.write_parquet(tmp_path / "hours.parquet")
    options = ["--column=x", "--epochs=1", "--length=3", "--picture", str(tmp_path / "other.svg")]
    assert command.main(["--file", str(tmp_path / "hours.parquet"), *options]) == 0
    shown = [str(hour) for hour in drawn[0][0].astype("datetime64[h]")]
    assert shown == [hour.replace(tzinfo=None).isoformat()[:13] for hour in hours]  # of the summer, too
    assert sorted(path.name for path in tmp_path.iterdir()) == ["hours.parquet", "other.svg"]


@pytest.mark.parametrize("length", [175, 176, 5000])
def test_a_window_leaves_a_day_of_the_training_part_for_its_target(length, capsys):
    with pytest.raises(SystemExit) as ended:
        command.main(["--length", str(length)])
    assert ended.value.code == 2
    said = " ".join(capsys.readouterr().err.split())
    assert said.endswith(
        f"length: expected at most 174, one less than the training part has days, got {length}"
    )


def test_the_pages_table_is_what_the_command_prints(tmp_path, capsys):
    page = PAGE.read_text(encoding="utf-8")
    given = ["--file", str(PAGE.with_suffix(".csv")), "--column=sold"]
    assert f"--file docs/{PAGE.stem}.csv --column sold" in page
    assert command.main([*given, "--picture", str(tmp_path / "x.png")]) == 0
    numbers = printed_errors(capsys.readouterr().out)
    assert len(numbers) == 3
    assert printed_errors(page) == numbers


class Stop(Exception):
    """In place of the report."""


@observes("python -m elman_torch", "file column date")
def test_the_parity_report_is_of_the_files_windows(tmp_path, capsys, monkeypatch):
    PRICES.select("Date", "Close", "High", due="Date").write_csv(tmp_path / "year[1].csv")
    heard = []

    def report(console, status, chosen, options):
        heard.append(chosen)
        raise Stop

    monkeypatch.setattr(torch_command, "report", report)
    for given in ([], ["--column=Close"], ["--column=Close", "--date=Date"], ["--column=High", "--date=due"]):
        with pytest.raises(Stop):
            torch_command.main(["--length=5", *(given and [f"--file={tmp_path}/year[1].csv"]), *given])
        on = f"year[1].csv, {given[0][9:]}" if given else "SPLG"
        assert f" on {on}, windows of 5," in " ".join(capsys.readouterr().out.split())
    bundled = problems(5, 8, 0)
    for chosen, raw in zip(heard, ("dollars", "values", "values", "values"), strict=True):
        assert [p.name for p in chosen] == [p.name.replace("dollars", raw) for p in bundled]
    windows = [[problem.windows() for problem in chosen] for chosen in (*heard, bundled)]
    assert same(windows[0], windows[4])
    assert same(windows[1], windows[4])
    assert same(windows[2], windows[4])
    assert not same(windows[3], windows[4])


def test_a_report_on_a_file_agrees(tmp_path, capsys):
    written(tmp_path, "n\n" + "".join(f"{n * n % 17}\n" for n in range(40)), "squares.csv")
    options = ["--length=5", "--hidden-size=2", "--updates", "1", "2"]
    assert torch_command.main([f"--file={tmp_path}/squares.csv", "--column=n", *options]) == 0
    printed = capsys.readouterr().out
    assert "AGREED: " in printed
    assert "note: no column of dates found; rows taken as they stand" in printed
    assert "tanh, raw values, float32" in printed
    assert max(map(len, printed.splitlines())) <= 80


@pytest.mark.parametrize("span", [{"start": "2024-01-01"}, {"end": "2024-02-01"}])
def test_a_row_without_a_date_is_refused_also_where_a_span_is_asked_for(span, tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("Date,v\n2024-01-01,1\n,2\n2024-01-03,3\n")
    with pytest.raises(
        ValueError, match=r"^Date: expected a date in each row of x.csv, got none at index \(1,\)$"
    ):
        read_file(path, "v", **span)
    path.write_text("Date,v\n2024-01-01,1\n2024-01-03,3\n")
    assert len(read_file(path, "v", **span)) == 2
