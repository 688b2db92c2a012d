"""The bundled prices: the notebook's table, any part of it, and what is refused."""

import html
import re
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from elman_np.data.splg import load_splg

FIRST, LAST = date(2019, 5, 13), date(2024, 5, 10)
STOP = LAST + timedelta(days=1)

# Cell 2's output, as the notebook prints it.
NOTEBOOK = """\
Date,Close,High,Low,Open,Volume,Ticker
datetime[ns],f64,f64,f64,f64,i64,str
2023-01-03 00:00:00,43.092083,43.717584,42.755277,43.486628,3688300,"SPLG"
2023-01-04 00:00:00,43.42889,43.659842,42.995852,43.342283,4335600,"SPLG"
2023-01-05 00:00:00,42.928493,43.197938,42.861132,43.188317,4449300,"SPLG"
2023-01-06 00:00:00,43.900421,44.035143,42.928493,43.284546,2160500,"SPLG"
2023-01-09 00:00:00,43.88118,44.545174,43.861937,44.150628,4251700,"SPLG"
"""


@pytest.fixture(scope="module")
def snapshot():
    return load_splg(FIRST, STOP)


def printed(frame):
    """Return the table that a notebook shows for `frame`, a line a row."""
    rows = re.findall(r"<tr>(.*?)</tr>", frame._repr_html_())
    return "".join(
        ",".join(html.unescape(cell) for cell in re.findall(r"<t[hd]>(.*?)</t[hd]>", row)) + "\n"
        for row in rows
    )


def test_head_is_the_notebooks():
    assert printed(load_splg().head()) == NOTEBOOK


def test_default_is_the_year_2023():
    frame = load_splg()
    assert frame.height == 250
    assert frame.schema == {
        "Date": pl.Datetime("ns"),
        **dict.fromkeys(("Close", "High", "Low", "Open"), pl.Float64),
        "Volume": pl.Int64,
        "Ticker": pl.String,
    }
    assert frame["Date"].dt.year().unique().to_list() == [2023]


def test_snapshot_is_sound(snapshot):
    assert snapshot.height == 1259
    assert (snapshot["Date"][0].date(), snapshot["Date"][-1].date()) == (FIRST, LAST)
    assert (snapshot["Date"].diff().drop_nulls() > timedelta(0)).all()
    assert (snapshot["Date"].dt.weekday() <= 5).all()
    assert (snapshot["Date"].dt.time() == datetime.min.time()).all()
    assert snapshot["Ticker"].unique().to_list() == ["SPLG"]
    # Prices are rounded to the file's six decimals, so bounds that touch may cross by one.
    within = 1.5e-6
    body = snapshot.select(low=pl.min_horizontal("Open", "Close"), high=pl.max_horizontal("Open", "Close"))
    assert (snapshot["Low"] <= body["low"] + within).all()
    assert (snapshot["High"] >= body["high"] - within).all()
    assert snapshot["Low"].min() > 0
    assert snapshot["Volume"].min() > 0


spans = st.lists(st.dates(FIRST, STOP), min_size=2, max_size=2, unique=True).map(sorted)
forms = st.sampled_from(
    [lambda day: day, date.isoformat, lambda day: datetime.combine(day, datetime.min.time())]
)


@settings(deadline=None)
@given(span=spans, form=forms)
def test_any_part_is_a_filter_of_the_whole(snapshot, span, form):
    first, stop = span
    expected = snapshot.filter(pl.col("Date").dt.date() >= first, pl.col("Date").dt.date() < stop)
    if expected.is_empty():
        with pytest.raises(ValueError, match="start, end: expected at least one trading day"):
            load_splg(form(first), form(stop))
    else:
        assert_frame_equal(load_splg(form(first), form(stop)), expected)


@settings(deadline=None)
@given(first=st.dates(), stop=st.dates())
def test_nothing_outside_the_snapshot(first, stop):
    inside = FIRST <= first < stop <= STOP
    if not inside:
        with pytest.raises(ValueError, match=r"^(start|end): expected a day .* got \d{4}-"):
            load_splg(first, stop)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"start": "2019-05-12"}, r"start: .* from 2019-05-13 to 2024-05-11, .*source='yahoo'"),
        ({"end": "2024-05-12"}, r"end: .* from 2019-05-13 to 2024-05-11, .* got 2024-05-12; source='yahoo'"),
        ({"start": "2024-01-01"}, r"start: expected a day before end \(2024-01-01, .* got 2024-01-01"),
        ({"start": "2023-07-01", "end": "2023-07-03"}, "at least one trading day, got none from 2023-07-01"),
        ({"start": "2023-02-30"}, "start: expected a day such as '2023-01-31', got '2023-02-30'"),
        ({"end": "next year"}, "end: expected a day such as"),
        ({"end": ""}, "end: expected a day such as"),
        ({"start": datetime(2023, 1, 3, 9, 30)}, "start: expected a day, without hour or time zone"),
        ({"start": datetime(2023, 1, 3, tzinfo=UTC)}, "start: expected a day, without hour or time zone"),
        ({"source": "stooq"}, "source: expected 'bundled' or 'yahoo', got 'stooq'"),
        ({"source": None}, "source: expected 'bundled' or 'yahoo', got None"),
    ],
)
def test_bad_values_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        load_splg(**arguments)


@pytest.mark.parametrize("name", ["start", "end"])
@pytest.mark.parametrize("value", [None, 2023, 1.5, ("2023-01-01",), timedelta(days=1)])
def test_bad_types_are_named(name, value):
    with pytest.raises(TypeError, match=f"{name}: expected a str, datetime.date or datetime.datetime, got"):
        load_splg(**{name: value})


def test_where_a_cache_would_be_is_a_path():
    for cache_dir in (5, b"here", ["here"]):
        got = re.escape(repr(cache_dir))
        with pytest.raises(TypeError, match=f"^cache_dir: expected a path or None, got {got}$"):
            load_splg(cache_dir=cache_dir)


def test_dates_are_checked_before_yahoo_is_asked():
    with pytest.raises(ValueError, match="start: expected a day before end"):
        load_splg("2024-01-01", "2023-01-01", source="yahoo")


def test_import_and_bundled_data_need_little():
    script = (
        "import sys, elman_np.data.splg as splg;"
        "assert 'polars' not in sys.modules;"
        "splg.load_splg();"
        "assert not {'elman_np.data.yahoo', 'yfinance', 'pandas'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
