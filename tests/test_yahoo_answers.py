"""What a bad server may send: each answer is refused, with what is wrong and where; and right data is not."""

import copy
import csv
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from elman_np.data import bars as bars_module
from elman_np.data import splg, trading_days, yahoo
from elman_np.data.yahoo import YahooError, download
from tests.support.yahoo import EVERY_PRICE, NEW_YORK, PRICES, bars, chart, opening, weekdays

pytest.importorskip("yfinance")
pytest.importorskip("holidays")

START, END = date(2023, 3, 1), date(2023, 4, 1)
GOOD = bars(weekdays(START - timedelta(7), END))
DAY, NEXT, LAST = date(2023, 3, 15), date(2023, 3, 16), date(2023, 3, 31)


@pytest.fixture
def sends(monkeypatch, tmp_path):
    """Let Yahoo send an answer, at noon of a day in New York, to whatever it is asked."""
    monkeypatch.setenv("ELMAN_CACHE_DIR", str(tmp_path))

    def send(answer, today=date(2024, 6, 3), at=time(12)):
        moment = datetime.combine(today, at, NEW_YORK).astimezone(UTC)
        monkeypatch.setattr(yahoo, "now", lambda: moment)
        monkeypatch.setattr(yahoo, "ask", lambda first, stop: answer)

    return send


def changed(day=DAY, rows=GOOD, **values):
    """The good answer with other values on one of its days; a function takes the value there was."""
    return chart(
        [
            row | {name: new(row[name]) if callable(new) else new for name, new in values.items()}
            if row["Date"] == day
            else row
            for row in rows
        ]
    )


def price(name, new):
    return changed(**{"Adj Close" if name == "Adj" else name: new})


def every(new, names=EVERY_PRICE, day=DAY):
    return changed(day, **dict.fromkeys(names, new))


def moved(days):
    """All bars as they are, each so many days later."""
    return chart([row | {"Date": row["Date"] + timedelta(days)} for row in GOOD])


def only(keep):
    return chart([row for row in GOOD if keep(row["Date"])])


def more(*days):
    """The good answer with a bar more on each of these days, like the one before."""
    rows = [max((row for row in GOOD if row["Date"] <= day), key=lambda row: row["Date"], default=GOOD[0])
            | {"Date": day} for day in days]  # fmt: skip
    return chart(sorted(GOOD + rows, key=lambda row: row["Date"]))


def without(*path):
    """The good answer with one entry taken out."""
    answer = chart(GOOD)
    *parents, name = ("chart", "result", 0, *path)
    place = answer
    for parent in parents:
        place = place[parent]
    del place[name]
    return answer


def other(value, *path):
    """The good answer with another entry in one place."""
    answer = chart(GOOD)
    *parents, name = ("chart", "result", 0, *path)
    place = answer
    for parent in parents:
        place = place[parent]
    place[name] = value
    return answer


def times(factor):
    return lambda value: value * factor


QUOTE = ("indicators", "quote", 0)
STAMPS = [opening(row["Date"]) for row in GOOD]

PRICE_FAULTS = {
    f"{name} {label}": (price(name, value), message)
    for name in (*PRICES, "Adj Close")
    for label, value, message in (
        ("of 0", 0, f"{name} 0.0 on 2023-03-15, expected at least 0.01"),
        ("below 0", times(-1), f"{name} -.* on 2023-03-15, expected at least 0.01"),
        ("too small to divide by", 1e-320, f"{name} 1e-320 on 2023-03-15, expected at least 0.01"),
        ("infinite", float("inf"), "no prices for 2023-03-15"),
        ("NaN", float("nan"), "no prices for 2023-03-15"),
        ("missing", None, "no prices for 2023-03-15"),
        ("a hundred times", times(100), "2023-03-15"),
        ("a hundredth", times(0.01), "2023-03-1[56]"),
        ("in words", "46.50", "cannot be read"),
    )
}

DAY_FAULTS = {
    "all a day later": (moved(1), r"exchange is closed, 2023-02-25 \(Saturday\).* another time zone's\?"),
    "all a day earlier": (moved(-1), r"exchange is closed, 2023-02-26 \(Sunday\)"),
    "all two days later": (moved(2), r"2023-02-25 \(Saturday\), 2023-02-26 \(Sunday\)"),
    "every second day": (chart(GOOD[::2]), "no bar for 2023-02-23, 2023-02-27, .* and 9 more"),
    "the other days": (chart(GOOD[1::2]), "no bar for 2023-02-22, 2023-02-24"),
    "Mondays only": (only(lambda day: day.weekday() == 0), "no bar for 2023-02-22, .* and 18 more"),
    "Fridays only": (only(lambda day: day.weekday() == 4), "no bar for 2023-02-22"),
    "a week missing": (only(lambda day: not 6 <= (day - START).days <= 9), "no bar for 2023-03-07, 2023"),
    "a month": (chart(GOOD[-1:]), "no bar for 2023-02-22, .* and 22 more"),
    "late start": (chart(GOOD[6:]), "no bar for 2023-02-22, 2023-02-23, .* 2023-02-28 and 1 more"),
    "early end": (chart(GOOD[:-6]), "no bar for 2023-03-24, 2023-03-27"),
    "no days": (chart([]), "sent no days"),
    "as where there are none": (
        {"chart": {"result": [{"meta": chart([])["chart"]["result"][0]["meta"],
                               "indicators": {"quote": [{}], "adjclose": [{}]}}], "error": None}},
        "sent no days",
    ),
    "on a Saturday": (more(date(2023, 3, 11)), r"2023-03-11 \(Saturday\)"),
    "on a Sunday": (more(date(2023, 3, 12)), r"2023-03-12 \(Sunday\)"),
    "on all days": (more(*(START + timedelta(n) for n in range(31) if (START + timedelta(n)).weekday() > 4)),
                    r"2023-03-04 \(Saturday\), 2023-03-05 \(Sunday\), .* and 3 more"),
    "a day twice": (more(DAY), "more than one bar for 2023-03-15"),
    "every day twice": (chart([row for row in GOOD for _ in range(2)]), "more than one bar for 2023-02-22, "),
    "a day's hours": (
        other(sorted([*STAMPS[:-1], STAMPS[3] + 3600]), "timestamp"), "more than one bar for 2023-02-27"),
}  # fmt: skip

WHOSE_FAULTS = {
    f"{name} {value}": (chart(GOOD, **{name: value}), f"with {name} {value!r}, expected ")
    for name, values in {
        "symbol": ["SPY", "SPLG", "spym", "", None],
        "currency": ["EUR", "GBp", "usd", None],
        "exchangeTimezoneName": ["Asia/Tokyo", "Europe/London", "UTC", None],
        "dataGranularity": ["1wk", "1mo", "1h", "5d", None],
    }.items()
    for value in values
} | {
    f"no {name}": (without("meta", name), f"with {name} None")
    for name in ("symbol", "currency", "exchangeTimezoneName", "dataGranularity")
}

RANGE_FAULTS = {
    "high and low exchanged": (changed(High=45.0, Low=50.5), "2023-03-15 low 50.5, high 45.0"),
    "high under low by a bit": (
        changed(Open=50.005, Close=50.005, High=50.004, Low=50.006), "2023-03-15 low 50.006"),
    "open above high": (changed(Open=51.0, High=50.98), "open 51.0, .* expected open and close from low"),
    "open under low": (changed(Open=49.0, Low=49.02), "open 49.0"),
    "close above high": (changed(High=lambda high: high - 1), "expected open and close from low to high"),
    "close under low": (changed(Low=lambda low: low + 1.5), "expected open and close from low to high"),
    "a trade for a cent": (changed(Low=0.01), "low 0.01, .* no trade 60% off: it would be cancelled"),
    "a trade for three times": (changed(High=times(3)), "expected no trade 60% off"),
}  # fmt: skip

CHANGE_FAULTS = {
    "a day a hundred times": (every(times(100)), "Close 5.* on 2023-03-15 after 50.0 on 2023-03-14"),
    "a day a hundredth": (every(times(0.01)), "Close 0.5.* on 2023-03-15 after 50.0 on 2023-03-14"),
    "a day in pence, not its adjusted close": (every(times(100), PRICES), "on 2023-03-15 after"),
    "the first day a hundred times": (every(times(100), day=GOOD[0]["Date"]), "on 2023-02-23 after 4650.0"),
    "the last day a hundred times": (every(times(100), day=LAST), "on 2023-03-31 after"),
    "a day of another fund": (every(times(8.6)), "on 2023-03-15 after"),
    "a fall of 21 %": (every(times(0.785)), "ratio from 0.8 .there trading ends. to 1.25"),
    "a dividend of two thirds": (
        chart([row | {"Adj Close": row["Adj Close"] / (3 if row["Date"] < DAY else 1)} for row in GOOD]),
        "Adj Close 48.* on 2023-03-15 after 16.* on 2023-03-14",
    ),
    "a split that is not in the days before": (
        chart([row | dict.fromkeys(EVERY_PRICE, 0) | {name: row[name] / (1 if row["Date"] < DAY else 4)
                                                      for name in EVERY_PRICE} for row in GOOD]),
        "Close 12.* on 2023-03-15 after 50.0 on 2023-03-14",
    ),
}  # fmt: skip

ADJUSTMENT_FAULTS = {
    "no adjusted close": (without("indicators", "adjclose"), "lacks 'adjclose'"),
    "nothing adjusted": (
        chart([row | {"Adj Close": row["Close"]} for row in GOOD]), "no adjusted closes: .* on 2023-02-22"),
    "adjusted above": (price("Adj Close", times(1.05)), "Adj Close 5.* on 2023-03-15, .* from 48.* to 50.25"),
    "adjusted too low": (price("Adj Close", times(0.95)), "Adj Close 4.* on 2023-03-15, expected from 48"),
    "adjusted the other way": (
        chart([row | {"Adj Close": row["Close"] * (0.99 if row["Date"] < DAY else 0.98)} for row in GOOD]),
        "Adj Close .* on 2023-03-15",
    ),
    "adjusted less by little and little": (
        chart([row | {"Adj Close": row["Close"] * 0.98 - 0.006 * k} for k, row in enumerate(GOOD)]),
        f"Adj Close .* on {GOOD[2]['Date']}, .*: later dividends lower it",
    ),
    "a volume below 0": (changed(Volume=-1), "Volume -1 on 2023-03-15, expected at least 0"),
}  # fmt: skip

FORM_FAULTS = {
    **{f"no {name}": (without(*QUOTE, name), f"lacks '{name}'; try later")
       for name in ("open", "high", "low", "close", "volume")},
    **{f"{name} a day short": (other(chart(GOOD[1:])["chart"]["result"][0]["indicators"]["quote"][0][name],
                                     *QUOTE, name), "cannot be read")
       for name in ("open", "volume")},
    "no stamps": (without("timestamp"), "lacks 'timestamp'; try later"),
    "no meta": (without("meta"), "lacks 'meta'"),
    "no indicators": (without("indicators"), "lacks 'indicators'"),
    "stamps in milliseconds": (other([stamp * 1000 for stamp in STAMPS], "timestamp"), "cannot be read"),
    "stamps in words": (other([str(row["Date"]) for row in GOOD], "timestamp"), "cannot be read"),
    "a stamp missing": (other([None, *STAMPS[1:]], "timestamp"), "cannot be read"),
    "volume in parts": (changed(Volume=0.5), "cannot be read"),
    "volume without end": (changed(Volume=10**30), "cannot be read"),
    "a price without end": (changed(Close=10**400), "cannot be read"),
    "reason given": ({"chart": {"result": None, "error": {"description": "No data found"}}},
                     r"refuses \(No data found\); check the dates"),
    "nothing": ({"chart": {"result": [], "error": None}}, "sent no answer"),
    "null": (None, "cannot be read"),
    "a list": ([], "cannot be read"),
    "another form": ({"chart": {"result": ["?"], "error": None}}, "cannot be read"),
    "another service": ({"quoteResponse": {}}, "lacks 'chart'"),
}  # fmt: skip

TABLES = (PRICE_FAULTS, DAY_FAULTS, WHOSE_FAULTS, RANGE_FAULTS, CHANGE_FAULTS, ADJUSTMENT_FAULTS, FORM_FAULTS)
FAULTS = {name: fault for table in TABLES for name, fault in table.items()}


def test_the_tables_have_no_name_twice():
    assert len(FAULTS) == sum(map(len, TABLES)) > 100


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_answer_is_refused_and_not_kept(sends, tmp_path, fault):
    answer, message = FAULTS[fault]
    sends(answer)
    with pytest.raises(YahooError, match=message) as caught:
        download(START, END)
    assert str(caught.value).startswith("SPYM from 2023-03-01 to before 2023-04-01: ")
    assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("row", GOOD, ids=lambda row: str(row["Date"]))
def test_any_single_day_that_is_missing_is_named(sends, row):
    sends(only(lambda day: day != row["Date"]))
    with pytest.raises(YahooError, match=f"no bar for {row['Date']}, when the exchange was open"):
        download(START, END)


@given(
    row=st.sampled_from(GOOD),
    names=st.sets(st.sampled_from(EVERY_PRICE), min_size=1),
    factor=st.floats(2.6, 1000),
    less=st.booleans(),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_price_passes_that_is_several_times_what_it_was(sends, row, names, factor, less):
    """Whichever prices of a day are wrong together: the message names the day, or the one after."""
    sends(every(times(1 / factor if less else factor), names, row["Date"]))
    with pytest.raises(YahooError) as caught:
        download(START, END)
    after = [later["Date"] for before, later in pairwise(GOOD) if before is row]
    assert any(str(day) in str(caught.value).split(": ", 1)[1] for day in (row["Date"], *after))


@given(shift=st.integers(-6, 6).filter(bool), first=st.integers(0, 25), days=st.integers(1, 5))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(shift=1, first=6, days=2)  # Tuesday and Wednesday: bars of Monday and Tuesday
def test_days_shifted_are_noticed_however_few_are_wanted(sends, monkeypatch, shift, first, days):
    """A server that has all bars under the wrong days sends those that it is asked for."""
    start = START + timedelta(first)
    stop = start + timedelta(days)
    if not weekdays(start, stop):
        return
    sends(None)
    rows = [row | {"Date": row["Date"] + timedelta(shift)} for row in bars(weekdays(date(2023, 2, 21), END))]
    monkeypatch.setattr(
        yahoo, "ask", lambda since, until: chart([row for row in rows if since <= row["Date"] < until])
    )
    with pytest.raises(YahooError, match=r"exchange is closed|no bar for"):
        download(start, stop)


def days_of(frame):
    return frame["Date"].dt.date().to_list()


def taken(rows, start=START, end=END):
    """Days that there should be, of the rows that are sent."""
    return [row["Date"] for row in rows if start <= row["Date"] < end]


SNAPSHOT = [
    {name: float(value) for name, value in row.items() if name not in ("Date", "Volume")}
    | {"Date": date.fromisoformat(row["Date"]), "Volume": int(row["Volume"])}
    | {"Adj Close": float(row["Close"]) * 0.96875}
    for row in csv.DictReader(Path(splg.__file__).with_suffix(".csv").read_text().splitlines())
]


def test_five_years_as_they_were_are_taken_with_the_crash_of_2020(sends):
    """1,259 days, whose list is the calendar's too; -12 % and +9 % in a day are among them."""
    sends(chart(SNAPSHOT))
    start, end = date(2019, 5, 20), date(2024, 5, 11)
    frame = download(start, end)
    assert days_of(frame) == taken(SNAPSHOT, start, end)
    assert frame["Close"].to_list() == [row["Adj Close"] for row in SNAPSHOT[5:]]
    whole = trading_days.trading_days(date(2019, 5, 13), end)
    assert whole == [row["Date"] for row in SNAPSHOT]
    assert len(whole) == 1259


def after_split(rows):
    """As Yahoo sends prices from before a split: all divided, and the split among the events."""
    answer = chart(rows)
    at = opening(DAY)
    split = {"date": at, "numerator": 4.0, "denominator": 1.0, "splitRatio": "4:1"}
    answer["chart"]["result"][0]["events"]["splits"] = {str(at): split}
    return answer


def flat(rows):
    """A day without a trade: the last close, and no volume."""
    return [
        row | (dict.fromkeys(PRICES, 49.75) | {"Volume": None} if row["Date"] == DAY else {}) for row in rows
    ]


def scaled_from(day, factor):
    """A change of the level from a day on."""
    later = {row["Date"]: factor if row["Date"] >= day else 1 for row in GOOD}
    return [row | {name: row[name] * later[row["Date"]] for name in EVERY_PRICE} for row in GOOD]


RIGHT = {
    "a split that happened": after_split(GOOD),
    "-12 % in a day": chart(scaled_from(DAY, 0.88)),
    "+11.6 % in a day": chart(scaled_from(DAY, 1.116)),
    "a low of the flash crash": changed(Low=times(0.45)),
    "no trade": chart([row | {"Adj Close": row["Close"] * 0.96} for row in flat(GOOD)]),
    "prices that touch and are rounded": changed(Open=50.0, High=50.245, Low=50.004),
    "float32": chart([
        row | {name: float(np.float32(row[name])) for name in EVERY_PRICE} for row in GOOD
    ]),
    "more days than asked for": chart(bars(weekdays(date(2023, 2, 21), date(2023, 4, 7)))),
    "another order": chart(GOOD[::-1]),
    "stamps of midnight in New York": other([stamp - 34200 for stamp in STAMPS], "timestamp"),
    "no first trade date": without("meta", "firstTradeDate"),
}  # fmt: skip


@pytest.mark.parametrize("right", RIGHT)
def test_right_data_is_taken(sends, right):
    sends(copy.deepcopy(RIGHT[right]))
    assert days_of(download(START, END)) == taken(GOOD)


CLOSED = {
    "Ford, and New Year": ("2006-12-29", "2007-01-04", "2006-12-29 2007-01-03"),
    "hurricane Sandy": ("2012-10-26", "2012-11-01", "2012-10-26 2012-10-31"),
    "G. H. W. Bush": ("2018-12-04", "2018-12-07", "2018-12-04 2018-12-06"),
    "Carter": ("2025-01-08", "2025-01-11", "2025-01-08 2025-01-10"),
    "Good Friday": ("2024-03-28", "2024-04-02", "2024-03-28 2024-04-01"),
    "a Friday before a New Year on Saturday": (
        "2021-12-30",
        "2022-01-04",
        "2021-12-30 2021-12-31 2022-01-03",
    ),
    "the last 19 June that was a trading day": ("2020-06-18", "2020-06-20", "2020-06-18 2020-06-19"),
    "the first 19 June that was none, a Sunday": ("2022-06-17", "2022-06-22", "2022-06-17 2022-06-21"),
    "a Fourth of July on a Saturday": ("2020-07-02", "2020-07-07", "2020-07-02 2020-07-06"),
    "Thanksgiving, and half a day": ("2023-11-22", "2023-11-25", "2023-11-22 2023-11-24"),
}


@pytest.mark.parametrize("span", CLOSED)
def test_the_exchanges_closings_are_known(span):
    """From its notices: https://www.nyse.com/trade/hours-calendars and the days of mourning and storm."""
    first, stop, days = CLOSED[span]
    expected = [date.fromisoformat(day) for day in days.split()]
    assert trading_days.trading_days(date.fromisoformat(first), date.fromisoformat(stop)) == expected


def test_start_and_end_may_be_holidays(sends):
    """From New Year to Good Friday."""
    rows = [row for row in SNAPSHOT if date(2022, 12, 25) <= row["Date"] < date(2023, 4, 7)]
    sends(chart(rows))
    frame = download("2023-01-01", "2023-04-07")
    assert days_of(frame)[0] == date(2023, 1, 3)
    assert days_of(frame)[-1] == date(2023, 4, 6)


@pytest.mark.parametrize("start", [date.min, date(2005, 11, 8), date(2005, 11, 15)])
@pytest.mark.parametrize("first", [date(2005, 11, 9), date(2005, 11, 15)])
def test_the_fund_began_in_2005(sends, start, first):
    """Days before its first bar are not missed, if that is of its first year; older bars are not its own."""
    days = [day for day in weekdays(first, date(2006, 2, 1)) if day not in CLOSED_2005]
    sends(chart(bars(days)))
    if first >= start:
        assert days_of(download(start, "2006-02-01")) == days
    sends(chart(bars([date(2005, 11, 7), *days])))
    if start == date.min:
        with pytest.raises(YahooError, match="a bar for 2005-11-07, before the fund was launched"):
            download(start, "2006-02-01")
    sends(chart(bars([day for day in days if day > date(2006, 1, 10)])))
    with pytest.raises(YahooError, match="no bar for"):
        download(start, "2006-02-01")


CLOSED_2005 = (date(2005, 11, 24), date(2005, 12, 26), date(2006, 1, 2), date(2006, 1, 16))


TODAY = LAST  # a Friday
BEGUN = {
    "not begun": (GOOD[:-1], False),
    "not begun, and empty": ([*GOOD[:-1], {"Date": TODAY, **dict.fromkeys([*GOOD[0]][1:])}], False),
    "begun": (GOOD, True),
    "twice": ([*GOOD, GOOD[-1] | {"Close": 52.75}], True),
    "twice, the first empty": (
        [*GOOD[:-1], {"Date": TODAY, **dict.fromkeys([*GOOD[0]][1:])}, GOOD[-1]], True,
    ),
}  # fmt: skip


@pytest.mark.parametrize("end", [date(2023, 4, 1), date(2023, 7, 1), date.max])
@pytest.mark.parametrize("case", BEGUN)
def test_the_day_in_progress_is_as_yahoo_has_it(sends, case, end):
    rows, there = BEGUN[case]
    for at in (time(0, 1), time(12), time(23, 59)):  # in New York, whatever day it is in Greenwich
        sends(chart(rows), TODAY, at)
        frame = download(START, end)
        assert days_of(frame) == weekdays(START, TODAY) + [TODAY] * there
    if case == "twice":
        raw = frame["High"][-1] / frame["Close"][-1]
        assert raw == pytest.approx(GOOD[-1]["High"] / 52.75)


def test_the_day_before_is_not_in_progress(sends):
    sends(chart(GOOD[:-1]), TODAY + timedelta(1), time(0, 0))
    with pytest.raises(YahooError, match="no bar for 2023-03-31"):
        download(START, "2023-07-01")


def test_days_in_the_future_are_refused(sends):
    sends(chart(GOOD), date(2023, 3, 29))
    with pytest.raises(YahooError, match="bars in the future, 2023-03-30, 2023-03-31"):
        download(START, END)


def test_nothing_is_adjusted_where_no_dividend_came_after(sends):
    sends(chart([row | {"Adj Close": row["Close"]} for row in GOOD]), TODAY)
    assert download(START, END)["Close"].to_list() == [row["Close"] for row in GOOD[5:]]


def two_bars(**columns):
    days = [date(2023, 3, 14), date(2023, 3, 15)]
    prices = {name: [50.0, 50.0] for name in bars_module.PRICES} | columns
    return pl.DataFrame({"Date": days, **prices, "Volume": [1, 1]})


@pytest.mark.parametrize(
    ("closes", "taken"),
    [([100.0, 80.0], True), ([80.0, 100.0], True), ([100.0, 79.99], False), ([79.99, 100.0], False)],
    ids=str,
)
def test_a_change_of_exactly_a_fifth_is_taken(closes, taken):
    fault = bars_module.change_fault(two_bars(**dict.fromkeys(bars_module.PRICES, closes)))
    assert (fault is None) == taken
    assert taken or "on 2023-03-15 after" in fault


@pytest.mark.parametrize(("age", "taken"), [(199, True), (200, True), (201, False)])
def test_a_close_that_is_not_adjusted_is_taken_for_two_hundred_days(age, taken):
    fault = bars_module.adjustment_fault(two_bars(), date(2023, 3, 14) + timedelta(age))
    assert (fault is None) == taken
    assert taken or fault.startswith("no adjusted closes: Adj Close is Close on 2023-03-14")


def test_five_days_are_all_listed_and_of_six_one_is_not():
    days = weekdays(START, date(2023, 3, 9))
    five = ", ".join(map(str, days[:5]))
    assert bars_module.listed(days[:5]) == five
    assert bars_module.listed(days[:6]) == f"{five} and 1 more"


def test_the_day_of_the_launch_may_have_a_bar():
    launched = bars_module.LAUNCHED
    today = date(2024, 6, 3)
    assert bars_module.day_fault([launched], launched, launched + timedelta(1), today) is None
    before = launched - timedelta(1)
    assert "before the fund was launched" in bars_module.day_fault([before], before, launched, today)


@pytest.mark.parametrize("place", [1, 2, 5])
def test_an_adjusted_close_is_measured_by_all_days_before_it(place):
    """What later dividends take off can only become less, from one day to the next, too."""
    frame = pl.DataFrame(GOOD)
    share = np.full(len(frame), 0.95)
    share[:place] = 0.94
    for lower, wrong in ((0.94, False), (0.93, True)):
        share[place] = lower
        adjusted = frame.with_columns(pl.Series("Adj Close", share * frame["Close"].to_numpy()))
        fault = bars_module.adjustment_fault(adjusted, date(2024, 6, 3))
        assert (fault is not None) == wrong
        assert not wrong or f"on {frame['Date'][place]}, expected from" in fault


def test_a_volume_that_is_not_there_is_none_at_all(sends):
    answer = chart(GOOD)
    volumes = answer["chart"]["result"][0]["indicators"]["quote"][0]["volume"]
    volumes[-1] = None
    sends(answer)
    found = download(START, END)["Volume"].to_list()
    assert found == [*volumes[-len(found) : -1], 0]
