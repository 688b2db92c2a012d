"""Live prices: the real yfinance, against a server on this machine that answers as Yahoo does.

Every request of yfinance's HTTP library is turned to that server, so that nothing leaves the machine. What
else a server could send is in test_yahoo_answers.py, what is kept of it in test_yahoo_cache.py.
"""

import sys
from datetime import date, datetime, timedelta
from urllib.parse import urlsplit

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from elman_np.data.splg import load_splg
from elman_np.data.yahoo import YahooError, download
from tests.support.yahoo import SINCE_THEN, bars, chart, opening, served, weekdays

yfinance = pytest.importorskip("yfinance")
http = pytest.importorskip("curl_cffi.requests")
pytest.importorskip("holidays")

START, END = date(2023, 3, 1), date(2023, 4, 1)
ASKED = date(2023, 2, 22)  # a week more is asked for, and judged
GOOD = bars(weekdays(ASKED, END))


@pytest.fixture
def yahoo(monkeypatch, tmp_path):
    """Turn all requests to the server; let yfinance and the cache keep things in `tmp_path` only."""
    request = http.Session.request
    with served() as server:
        server.answer = 200, chart(GOOD)

        def turned(session, method, url, *args, **kwargs):
            here = f"http://127.0.0.1:{server.server_port}{urlsplit(url).path}"
            return request(session, method, here, *args, **kwargs)

        monkeypatch.setattr(http.Session, "request", turned)
        monkeypatch.setattr("yfinance.data.SingletonMeta._instances", {})
        monkeypatch.setattr("yfinance.cache._TzCacheManager._tz_cache", None)
        monkeypatch.setattr("yfinance.cache._CookieCacheManager._Cookie_cache", None)
        monkeypatch.setenv("ELMAN_CACHE_DIR", str(tmp_path / "kept"))
        yfinance.set_tz_cache_location(str(tmp_path))
        yield server
    yfinance.set_tz_cache_location(str(tmp_path))  # closes its databases


def test_good_answer(yahoo):
    frame = download(START, END)
    raw = pl.DataFrame(GOOD).filter(pl.col("Date") >= START)
    ratio = raw["Adj Close"] / raw["Close"]
    expected = raw.select(
        pl.col("Date").cast(pl.Datetime("ns")),
        pl.col("Adj Close").alias("Close"),
        *(pl.col(name) * ratio for name in ("High", "Low", "Open")),
        "Volume",
        pl.lit("SPYM").alias("Ticker"),
    )
    # Not by assert_frame_equal: Polars has renamed its tolerances.
    assert frame.schema == expected.schema
    for name in frame.columns:
        if frame.schema[name].is_float():
            np.testing.assert_allclose(frame[name], expected[name], rtol=1e-15)
        else:
            assert frame[name].to_list() == expected[name].to_list()
    assert frame.schema == load_splg().schema
    # A dollar before the dividend is worth less than one after it.
    factor = dict(zip(raw["Date"], frame["Open"] / raw["Open"], strict=True))
    assert factor[date(2023, 3, 20)] == pytest.approx(SINCE_THEN)
    assert factor[date(2023, 3, 17)] == pytest.approx(SINCE_THEN * 0.996)


def test_one_question_for_daily_bars_from_a_week_before_the_first_day(yahoo):
    download(START, END)
    charts = [query for path, query in yahoo.asked if path == "/v8/finance/chart/SPYM"]
    midnight = [opening(day) - 9.5 * 3600 for day in (ASKED, END)]
    assert [(int(query["period1"][0]), int(query["period2"][0])) for query in charts] == [tuple(midnight)]
    assert charts[0]["interval"] == ["1d"]


def test_load_splg_asks_yahoo(yahoo):
    frame = load_splg("2023-03-01", datetime(2023, 4, 1), source="yahoo")
    assert_frame_equal(frame, download(START, END))


DELISTED = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
NO_CRUMB = {"code": "Unauthorized", "description": "Invalid Crumb"}
STATUSES = {
    "too many requests": (429, "Too Many Requests", "too many requests; wait some minutes"),
    "server error": (500, "<html>oops</html>", "no JSON, its service may be down; try later"),
    "closed": (200, "Will be right back", "no JSON, its service may be down; try later"),
    "unknown symbol": (404, {"chart": {"result": None, "error": DELISTED}}, r"refuses \(No data found"),
    "refused": (401, {"finance": {"result": None, "error": NO_CRUMB}}, r"refuses \(Invalid Crumb\)"),
    "cut off": (200, '{"chart": {"result": [{"meta": ', "no JSON"),
    "a day is missing": (200, chart(GOOD[:9] + GOOD[10:]), "no bar for 2023-03-07"),
}


@pytest.mark.parametrize("fault", STATUSES)
def test_anything_else_is_an_error(yahoo, fault):
    *yahoo.answer, message = STATUSES[fault]
    with pytest.raises(YahooError, match=message) as caught:
        download(START, END)
    assert str(caught.value).startswith("SPYM from 2023-03-01 to before 2023-04-01: ")
    assert str(caught.value).endswith(", or use source='bundled'")
    # The failure is not remembered.
    yahoo.answer = 200, chart(GOOD)
    assert download(START, END).height == len(GOOD) - 5


def test_no_connection(yahoo):
    yahoo.shutdown()
    yahoo.server_close()
    with pytest.raises(YahooError, match=r"asking Yahoo failed .*; check the network"):
        download(START, END)


@pytest.mark.parametrize(
    ("start", "end", "kind", "message"),
    [
        (END, START, ValueError, "start: expected a day before end"),
        (START, 2023, TypeError, "end: expected a str"),
        ("2023-03-04", "2023-03-06", ValueError, "at least one trading day .*, got none from 2023-03-04"),
        ("2023-04-07", "2023-04-10", ValueError, "at least one trading day"),  # Good Friday
        ("1990-01-01", "2000-01-01", ValueError, "at least one trading day from 2005-11-08"),
        (date.today() + timedelta(3), date.max, ValueError, "at least one trading day .* to today"),
        (date.min, date(2005, 11, 8), ValueError, "at least one trading day"),
    ],
)
def test_days_that_cannot_be_had_are_not_asked_for(yahoo, start, end, kind, message):
    with pytest.raises(kind, match=message):
        download(start, end)
    assert yahoo.asked == []


@pytest.mark.parametrize(
    ("package", "message"),
    [
        ("yfinance", "live prices need yfinance: pip install 'yfinance>=1.3,<2' 'holidays>=0.66'"),
        ("holidays", "the exchange's calendar needs holidays: pip install 'holidays>=0.66'"),
    ],
)
def test_without_what_it_needs(monkeypatch, package, message):
    from elman_np.data import trading_days

    trading_days.calendar.cache_clear()
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ImportError, match=f"^{message}$"):
        download(START, END)
