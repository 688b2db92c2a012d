"""Answers as Yahoo's chart service gives them, and a server on this machine that gives them."""

import json
import threading
from contextlib import contextmanager
from datetime import date, datetime, time, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

NEW_YORK = ZoneInfo("America/New_York")
PRICES = ("Open", "High", "Low", "Close")
EVERY_PRICE = (*PRICES, "Adj Close")

DIVIDEND_DAY, DIVIDEND = date(2023, 3, 20), 0.183
SINCE_THEN = 0.96875  # what later dividends took off


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


def opening(day, at=time(9, 30)):
    """Return the stamp of a bar: when the exchange opens."""
    return int(datetime.combine(day, at, NEW_YORK).timestamp())


def chart(rows, **meta):
    """Return the chart service's JSON: opening times in New York, raw quotes, adjusted closes, dividends."""
    stamps = [opening(row["Date"]) for row in rows]
    paid = [stamp for stamp in stamps if stamp == opening(DIVIDEND_DAY)]
    meta = {
        "symbol": "SPYM",
        "currency": "USD",
        "instrumentType": "ETF",
        "firstTradeDate": opening(date(2005, 11, 15)),
        "exchangeTimezoneName": "America/New_York",
        "priceHint": 2,
        "dataGranularity": "1d",
        "validRanges": ["1d", "5d", "1mo", "1y", "max"],
    } | meta
    quote = {name.lower(): [row[name] for row in rows] for name in (*PRICES, "Volume")}
    result = {
        "meta": meta,
        "timestamp": stamps,
        "events": {"dividends": {str(stamp): {"amount": DIVIDEND, "date": stamp} for stamp in paid}},
        "indicators": {"quote": [quote], "adjclose": [{"adjclose": [row["Adj Close"] for row in rows]}]},
    }
    return {"chart": {"result": [result], "error": None}}


class Yahoo(BaseHTTPRequestHandler):
    """Give `server.answer` (status, body) for a chart, and what yfinance needs on its way there."""

    def do_GET(self):
        address = urlsplit(self.path)
        self.server.asked.append((address.path, parse_qs(address.query)))
        status, body = 404, "not found"  # as the page that sets the cookie does
        if address.path == "/v8/finance/chart/SPYM":
            status, body = self.server.answer
        elif address.path == "/v1/test/getcrumb":
            status, body = 200, "crumb"
        data = (body if isinstance(body, str) else json.dumps(body)).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        pass


@contextmanager
def served():
    """Start the server; its `asked` has paths and queries, its `answer` is what to give."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Yahoo)
    server.asked, server.answer = [], (404, "nothing yet")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()
