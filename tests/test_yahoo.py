"""Live prices: the real yfinance, against a server on this machine that answers as Yahoo does.

Every request of yfinance's HTTP library is turned to that server, so that nothing leaves the machine.
"""

import json
import sys
import threading
from datetime import date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import pairwise
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from elman_np.data.splg import load_splg
from elman_np.data.yahoo import YahooError, download

yfinance = pytest.importorskip("yfinance")
http = pytest.importorskip("curl_cffi.requests")

# yfinance 1.7 on pandas 3.1; ours to ignore, theirs to mend.
pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:DeprecationWarning")

START, END = date(2023, 3, 1), date(2023, 4, 1)
DIVIDEND_DAY, DIVIDEND = date(2023, 3, 20), 0.183
SINCE_THEN = 0.96875  # what later dividends took off
PRICES = ("Open", "High", "Low", "Close")


def weekdays(first, stop):
    days = [first + timedelta(days=n) for n in range((stop - first).days)]
    return [day for day in days if day.weekday() < 5]


def bars(days):
    """Make up a raw bar a day, with the adjusted close that a dividend of 0.4 % on DIVIDEND_DAY gives."""
    return [
        {
            "Date": day,
            "Open": 46 + n / 4,
            "High": 46.75 + n / 4,
            "Low": 45.5 + n / 4,
            "Close": 46.5 + n / 4,
            "Volume": 1_000_000 + n,
            "Adj Close": (46.5 + n / 4) * SINCE_THEN * (0.996 if day < DIVIDEND_DAY else 1),
        }
        for n, day in enumerate(days)
    ]


def chart(rows):
    """Return the chart service's JSON: opening times in New York, raw quotes, adjusted closes, dividends."""
    zone = ZoneInfo("America/New_York")
    stamps = {row["Date"]: int(datetime.combine(row["Date"], time(9, 30), zone).timestamp()) for row in rows}
    paid = [stamps[DIVIDEND_DAY]] if DIVIDEND_DAY in stamps else []
    meta = {
        "symbol": "SPYM",
        "currency": "USD",
        "instrumentType": "ETF",
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "dataGranularity": "1d",
        "validRanges": ["1d", "5d", "1mo", "1y", "max"],
    }
    quote = {name.lower(): [row[name] for row in rows] for name in (*PRICES, "Volume")}
    result = {
        "meta": meta,
        "timestamp": list(stamps.values()),
        "events": {"dividends": {str(stamp): {"amount": DIVIDEND, "date": stamp} for stamp in paid}},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [row["Adj Close"] for row in rows]}]},
    }
    return {"chart": {"result": [result], "error": None}}


GOOD = bars(weekdays(START, END))


class Yahoo(BaseHTTPRequestHandler):
    """Give `server.answer` (status, body) for a chart, and what yfinance needs on its way there."""

    def do_GET(self):
        address = urlsplit(self.path)
        self.server.asked.append(address.path)
        status, body = 404, "not found"  # as the page that sets the cookie does
        if address.path == "/v8/finance/chart/SPYM":
            status, body = self.server.answer
            if status == 200 and parse_qs(address.query).get("range") == ["1d"]:
                body = chart(GOOD[:1])  # yfinance reads the exchange's time zone here
        elif address.path == "/v1/test/getcrumb":
            status, body = 200, "crumb"
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@pytest.fixture
def yahoo(monkeypatch, tmp_path):
    """Start the server, turn all requests to it, and let yfinance remember things in `tmp_path` only."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Yahoo)
    server.asked, server.answer = [], (200, chart(GOOD))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    request = http.Session.request

    def turned(session, method, url, *args, **kwargs):
        here = f"http://127.0.0.1:{server.server_port}{urlsplit(url).path}"
        return request(session, method, here, *args, **kwargs)

    monkeypatch.setattr(http.Session, "request", turned)
    monkeypatch.setattr("yfinance.data.SingletonMeta._instances", {})
    monkeypatch.setattr("yfinance.cache._TzCacheManager._tz_cache", None)
    monkeypatch.setattr("yfinance.cache._CookieCacheManager._Cookie_cache", None)
    yfinance.set_tz_cache_location(str(tmp_path))
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
    yfinance.set_tz_cache_location(str(tmp_path))  # closes its databases


def test_good_answer(yahoo):
    frame = download(START, END)
    raw = pl.DataFrame(GOOD)
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
    assert {path for path in yahoo.asked if "chart" in path} == {"/v8/finance/chart/SPYM"}


def test_load_splg_asks_yahoo(yahoo):
    frame = load_splg("2023-03-01", datetime(2023, 4, 1), source="yahoo")
    assert_frame_equal(frame, download(START, END))


def without(*path):
    """Return the good answer with one entry taken out."""
    answer = chart(GOOD)
    *parents, name = ("chart", "result", 0, *path)
    place = answer
    for parent in parents:
        place = place[parent]
    del place[name]
    return answer


def changed(day, **values):
    """Return the good answer with other values on one of its days."""
    return chart([row | values if row["Date"] == day else row for row in GOOD])


DELISTED = {"code": "Not Found", "description": "No data found, symbol may be delisted"}
LAST = date(2023, 3, 31)
FAULTS = {
    "too many requests": (429, "Too Many Requests", "too many requests; wait some minutes"),
    "server error": (500, "<html>oops</html>", "no JSON, its service may be down; try later"),
    "closed": (200, "Will be right back", "YAHOO! FINANCE IS CURRENTLY DOWN"),
    "unknown symbol": (404, {"chart": {"result": None, "error": DELISTED}}, "HTTP Error 404"),
    "reason given": (200, {"chart": {"result": None, "error": DELISTED}}, "No data found.*; check the dates"),
    "nothing": (200, {"chart": {"result": [], "error": None}}, "no price data found"),
    "null": (200, "null", "no price data found"),
    "another form": (200, {"chart": {"result": ["?"], "error": None}}, "yfinance failed"),
    "no days": (200, chart([]), "sent no days"),
    "no dates": (200, without("timestamp"), "lacks 'timestamp'; update yfinance"),
    "no close": (200, without("indicators", "quote", 0, "close"), "lacks 'close'; update yfinance"),
    "no volume": (200, without("indicators", "quote", 0, "volume"), "lacks 'volume'"),
    "no adjusted close": (200, without("indicators", "adjclose"), "no adjusted closes"),
    "one row, as SPLG has": (200, chart(GOOD[-1:]), "nothing between 2023-03-01 and 2023-03-31"),
    "early end": (200, chart(GOOD[:-6]), "nothing between 2023-03-23 and 2023-04-01"),
    "a day without close": (200, changed(LAST, Close=None), "no prices for 2023-03-31; a day in progress"),
    "a day without open": (200, changed(LAST, Open=None), "no prices for 2023-03-31"),
    "a NaN": (200, changed(LAST, **{"Adj Close": float("nan")}), "no prices for 2023-03-31"),
    "an empty day": (200, changed(LAST, **dict.fromkeys([*GOOD[0]][1:])), "no prices for 2023-03-31"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_anything_else_is_an_error(yahoo, fault):
    *yahoo.answer, message = FAULTS[fault]
    with pytest.raises(YahooError, match=message) as caught:
        download(START, END)
    assert str(caught.value).startswith("SPYM from 2023-03-01 to before 2023-04-01: ")
    assert str(caught.value).endswith(", or use source='bundled'")
    # The failure is not remembered, and yfinance's own setting is as it was.
    assert yfinance.config.debug.hide_exceptions
    yahoo.answer = 200, chart(GOOD)
    assert download(START, END).height == len(GOOD)


def test_no_connection(yahoo):
    yahoo.shutdown()
    yahoo.server_close()
    with pytest.raises(YahooError, match=r"asking Yahoo failed .*; check the network"):
        download(START, END)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.lists(st.integers(0, len(GOOD)), min_size=2, max_size=2).map(sorted))
@example(cut=[4, 8])  # seven days, Monday to Monday
@example(cut=[4, 9])
def test_a_hole_longer_than_any_closing_is_refused(yahoo, cut):
    rows = GOOD[: cut[0]] + GOOD[cut[1] :]
    yahoo.answer = 200, chart(rows)
    edges = [START, *(row["Date"] for row in rows), END]
    if rows and max(b - a for a, b in pairwise(edges)) <= timedelta(days=7):
        assert download(START, END)["Date"].dt.date().to_list() == edges[1:-1]
    else:
        with pytest.raises(YahooError, match="sent no"):
            download(START, END)


def test_days_outside_are_left_out(yahoo):
    yahoo.answer = 200, chart(bars(weekdays(START - timedelta(days=9), END + timedelta(days=9))))
    assert download(START, END)["Date"].dt.date().to_list() == weekdays(START, END)


def test_end_in_the_future(yahoo):
    today = date.today()
    start, end = today - timedelta(days=30), today + timedelta(days=30)
    # Nothing is adjusted yet where no dividend came after.
    rows = [row | {"Adj Close": row["Close"]} for row in bars(weekdays(start, today))]
    yahoo.answer = 200, chart(rows)
    assert download(start, end)["Date"].dt.date().to_list() == weekdays(start, today)
    yahoo.answer = 200, chart(bars(weekdays(start, today - timedelta(days=10))))
    with pytest.raises(YahooError, match=f"sent nothing between .* and {today}"):
        download(start, end)


def test_bad_dates_are_not_asked_for(yahoo):
    with pytest.raises(ValueError, match="start: expected a day before end"):
        download(END, START)
    with pytest.raises(TypeError, match="end: expected a str"):
        download(START, 2023)
    assert yahoo.asked == []


def test_without_yfinance(monkeypatch):
    monkeypatch.setitem(sys.modules, "yfinance", None)
    with pytest.raises(ImportError, match=r"^live prices need yfinance: pip install 'yfinance>=1.3,<2'$"):
        download(START, END)
