"""Downloads that are kept: the same answer again, when it is asked for, said aloud, and never damaged."""

import json
import os
import re
import sys
import warnings
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

import elman_np as en
from elman_np.__main__ import main
from elman_np.data import kept, yahoo
from elman_np.data.kept import CacheWarning
from elman_np.data.yahoo import YahooError, download, recall
from tests.support.yahoo import EVERY_PRICE, NEW_YORK, bars, chart, weekdays

pytest.importorskip("yfinance")
pytest.importorskip("holidays")

START, END = date(2023, 3, 1), date(2023, 4, 1)
GOOD = bars(weekdays(START - timedelta(7), END))
NAME = "SPYM-2023-03-01-2023-04-01.json"
SPAN = "2023-03-01 to before 2023-04-01, downloaded on 2024-06-03 16:00 UTC"
SAID = rf"prices of SPYM from the cache .*: {SPAN}"
fixtures_ok = [HealthCheck.function_scoped_fixture]


class Server:
    """Stands in for the network: bars of the days that it is asked for, or nothing."""

    def __init__(self, monkeypatch):
        self.monkeypatch, self.rows, self.asked = monkeypatch, GOOD, 0
        self.at(date(2024, 6, 3))
        monkeypatch.setattr(yahoo, "ask", self.ask)

    def at(self, today, hour=time(12)):
        moment = datetime.combine(today, hour, NEW_YORK).astimezone(UTC)
        self.monkeypatch.setattr(yahoo, "now", lambda: moment)

    def ask(self, first, stop):
        self.asked += 1
        if self.rows is None:
            raise ConnectionError("no network")
        return chart([row for row in self.rows if first <= row["Date"] < stop])


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("ELMAN_CACHE_DIR", str(tmp_path))
    return Server(monkeypatch)


def days_of(frame):
    return frame["Date"].dt.date().to_list()


def test_what_was_downloaded_comes_again_in_every_bit_and_says_so(server):
    first = download(START, END)
    server.rows = None
    with pytest.warns(CacheWarning, match=SAID):
        assert_frame_equal(recall(START, END), first, check_exact=True)
    assert server.asked == 1


def test_the_file_has_what_was_asked_and_when(server, tmp_path):
    download(START, END)
    assert [path.name for path in tmp_path.iterdir()] == [NAME]  # and no part of one
    content = json.loads((tmp_path / NAME).read_text())["kept"]
    assert {name: content[name] for name in ("symbol", "start", "end", "downloaded")} == {
        "symbol": "SPYM",
        "start": "2023-03-01",
        "end": "2023-04-01",
        "downloaded": "2024-06-03T16:00:00+00:00",
    }
    assert content["bars"]["Date"] == [str(day) for day in weekdays(START, END)]
    assert content["bars"]["Adj Close"] == [row["Adj Close"] for row in GOOD[5:]]


@pytest.mark.parametrize("count", [0, 1, 5])
def test_what_is_packed_is_unpacked_again_in_every_field(server, tmp_path, count):
    """With no day at all, too: each column has its dtype. Nothing that is no number is kept."""
    download(START, END)
    one = kept.read(tmp_path / NAME)
    assert (one.symbol, str(one.start), str(one.end)) == ("SPYM", "2023-03-01", "2023-04-01")
    first = replace(one, bars=one.bars.head(count))
    again = kept.unpacked(json.loads(json.dumps(kept.packed(first))))
    assert_frame_equal(again.bars, first.bars, check_exact=True)
    assert replace(again, bars=None) == replace(first, bars=None)
    kept.write(tmp_path, "again", one)
    text = (tmp_path / "again.json").read_text("utf-8")
    assert text.count("\n") > len(one.bars)  # to be read by people: a number a line
    endless = replace(one, bars=one.bars.with_columns(Open=pl.lit(np.inf)))
    with pytest.raises(ValueError, match="not JSON compliant"):
        kept.write(tmp_path, "endless", endless)
    assert not (tmp_path / "endless.json").exists()


def test_the_network_is_asked_unless_the_cache_is_asked_for(server):
    download(START, END)
    server.rows = [row | {name: row[name] * 2 for name in EVERY_PRICE} for row in GOOD]
    again = en.load_splg(START, END, source="yahoo")
    assert server.asked == 2
    assert again["Close"][0] == GOOD[5]["Adj Close"] * 2
    with pytest.warns(CacheWarning):
        assert_frame_equal(en.load_splg(START, END, source="yahoo", cached=True), again)  # the newer one
    assert server.asked == 2


def test_a_warning_comes_each_time_from_the_callers_line_unless_it_is_not_wanted(server):
    download(START, END)
    with warnings.catch_warnings(record=True) as heard:
        warnings.resetwarnings()
        warnings.simplefilter("always", CacheWarning, append=True)  # as on import
        for _ in range(3):
            en.load_splg(START, END, source="yahoo", cached=True)
    assert [Path(one.filename).name for one in heard] == [Path(__file__).name] * 3
    with warnings.catch_warnings(record=True) as heard:
        warnings.simplefilter("ignore", CacheWarning)
        recall(START, END)
    assert heard == []


@given(span=st.lists(st.dates(date(2023, 2, 25), date(2023, 4, 5)), min_size=2, max_size=2, unique=True))
@settings(suppress_health_check=fixtures_ok)
def test_any_part_of_a_download_is_in_it_and_nothing_else(server, span):
    """A part begins and ends where it likes, as long as every trading day of it was downloaded."""
    server.rows = GOOD
    whole = download(START, END)
    first, stop = sorted(span)
    wanted = weekdays(first, stop)
    if not wanted:
        with pytest.raises(ValueError, match="at least one trading day"):
            recall(first, stop)
    elif wanted[0] >= START and wanted[-1] < END:
        with pytest.warns(CacheWarning):
            frame = recall(first, stop)
        assert_frame_equal(frame, whole.filter(pl.col("Date").dt.date().is_in(wanted)))
    else:
        with pytest.raises(
            YahooError, match=r"not in the cache .*, which has 2023-03-01 to before 2023-04-01"
        ):
            recall(first, stop)


def test_the_newest_of_several_answers(server):
    download(START, END)
    server.at(date(2024, 6, 5))
    server.rows = [row | {"Volume": 7} for row in GOOD]
    download(date(2023, 3, 3), END)
    with pytest.warns(CacheWarning, match="2024-06-05"):
        assert recall(date(2023, 3, 6), END)["Volume"].unique().to_list() == [7]
    with pytest.warns(CacheWarning, match="2024-06-03"):
        assert 7 not in recall(START, END)["Volume"].to_list()


@pytest.mark.parametrize("firsts", [(START, date(2023, 3, 2)), (date(2023, 3, 2), START)])
def test_of_two_on_one_day_the_later_answers(server, firsts):
    """Whatever their files are called."""
    for hour, first in zip((10, 15), firsts, strict=True):
        server.at(date(2024, 6, 3), time(hour))
        server.rows = [row | {"Volume": hour} for row in GOOD]
        download(first, END)
    with pytest.warns(CacheWarning, match="2024-06-03 19:00 UTC"):
        assert recall(date(2023, 3, 6), END)["Volume"].unique().to_list() == [15]


@pytest.mark.parametrize("hour", [time(0), time(12), time(23, 59)])
def test_a_day_in_progress_is_not_kept(server, hour):
    """In New York: an hour before midnight there it is the next day in Greenwich."""
    today = date(2023, 3, 30)
    server.at(today, hour)
    server.rows = GOOD[:-1]
    assert days_of(download(START, END))[-1] == today
    with pytest.warns(CacheWarning, match="2023-03-01 to before 2023-03-30"):
        assert days_of(recall(START, END)) == weekdays(START, today)  # the same question on the same day
    with pytest.raises(YahooError, match=r"not in the cache"):
        recall(today, END)
    server.at(today + timedelta(1), time(0))
    with pytest.raises(YahooError, match=r"not in the cache .* has 2023-03-01 to before 2023-03-30"):
        recall(START, END)


def test_the_day_in_progress_alone_is_not_kept(server, tmp_path):
    server.at(date(2023, 3, 31))
    assert days_of(download(date(2023, 3, 31), END)) == [date(2023, 3, 31)]
    assert list(tmp_path.iterdir()) == []


def test_over_a_weekend_nothing_is_missing(server):
    server.at(date(2023, 4, 1))
    download(START, date.max)
    server.at(date(2023, 4, 3), time(8))
    with pytest.warns(CacheWarning, match="to before 2023-04-01"):
        assert days_of(recall(START, date.max)) == weekdays(START, END)


def test_the_error_offers_what_the_cache_has(server):
    download(START, END)
    server.at(date(2024, 6, 4))
    server.rows = None
    offer = rf"cached=True \(--cached\), which has {SPAN}"
    with pytest.raises(YahooError, match=rf"asking Yahoo failed .*, or use {offer}, or source='bundled'$"):
        download(START, END)
    with pytest.raises(YahooError, match=rf", or use {offer}$"):
        download(date(2023, 3, 3), date(2024, 6, 4))  # a part of it, and more than the snapshot has
    with pytest.raises(YahooError, match=r"try later, or use source='bundled'$"):
        download(date(2023, 2, 20), END)
    with pytest.raises(YahooError, match=r"check the network, try later$"):
        download("2024-05-20", "2024-06-01")
    with pytest.raises(YahooError) as refused:
        download(END, date(2023, 4, 5))  # the day after the last that is kept
    assert "--cached" not in str(refused.value)


def test_the_error_offers_what_has_most_of_these_days(server):
    """Not the newest, and not the one that goes on longest after them."""
    download(START, END)
    server.at(date(2024, 6, 4))
    download(START, date(2023, 3, 10))
    server.rows = None
    with pytest.raises(YahooError, match=rf"cached=True \(--cached\), which has {SPAN}, or source"):
        download(START, END)
    with pytest.raises(
        YahooError, match=r"which has 2023-03-01 to before 2023-03-10, downloaded on 2024-06-04"
    ):
        download(START, date(2023, 3, 10))  # both have all of it, and this one is newer


def damage(content, number):
    """Change what is kept in one of several ways, some of them with a right checksum."""
    whole = json.loads(content)
    bare = whole["kept"]
    match number:
        case 0:
            return content[: len(content) // 2]
        case 1:
            return ""
        case 2:
            return "[1, 2]"
        case 3:
            return re.sub(r"50\.25", "50.26", content)
        case 4:
            return re.sub(r'"start": "2023-03-01"', '"start": "2023-02-01"', content)
        case 5:
            return "\x00" * 99
        case 6:
            del bare["bars"]["Volume"]
        case 7:
            bare["bars"]["Close"][3] = 0.0
        case 8:
            for column in bare["bars"].values():
                del column[4]
        case 9:
            del bare["bars"]["Close"][4]
        case 10:
            bare["end"] = "2023-04-15"
        case 11:
            bare["downloaded"] = "yesterday"
        case 12:  # it was downloaded a year later, when dividends had lowered them
            bare["bars"]["Adj Close"] = bare["bars"]["Close"]
    whole["sha256"] = kept.digest(json.dumps(bare))
    return json.dumps(whole)


SAYS = ["is damaged"] * 7 + [
    "has Close 0.0 on",
    "has no bar for 2023-03-07",
    "is damaged",
    "has no bar for",
    "is d",
    "has no adjusted closes",
]


@pytest.mark.parametrize("number", range(len(SAYS)))
def test_a_damaged_file_is_said_and_left_out(server, tmp_path, number):
    download(START, END)
    path = tmp_path / NAME
    path.write_text(damage(path.read_text(), number))
    with (
        pytest.warns(CacheWarning, match=f"{NAME} {SAYS[number]}.*; left out"),
        pytest.raises(YahooError, match=r"not in the cache .*, which has nothing"),
    ):
        recall(START, END)
    server.rows = None
    with pytest.raises(YahooError, match=r"try later, or use source='bundled'$"):
        download(START, END)  # it is not offered
    server.rows = GOOD
    frame = download(START, END)  # and it is written anew
    with pytest.warns(CacheWarning, match=SAID):
        assert_frame_equal(recall(START, END), frame)


def test_a_day_is_in_the_future_by_new_yorks_calendar(server, tmp_path):
    """At two in the morning, in UTC, New York has the day before."""
    server.rows = bars(weekdays(date(2024, 5, 28), date(2024, 6, 5)))
    server.at(date(2024, 6, 5))
    download("2024-06-03", "2024-06-05")
    (path,) = tmp_path.iterdir()
    whole = json.loads(path.read_text())
    for moment, fault in (("2024-06-04T05:00:00+00:00", None), ("2024-06-04T02:00:00+00:00", "future")):
        whole["kept"]["downloaded"] = moment
        whole["sha256"] = kept.digest(json.dumps(whole["kept"]))
        path.write_text(json.dumps(whole))
        good, bad = kept.read_all(tmp_path, "SPYM")
        assert [fault is None, fault is not None] == [len(good) == 1, len(bad) == 1], bad
        assert not bad or "bars in the future, 2024-06-04" in bad[0]


@given(place=st.floats(0, 1, exclude_max=True), byte=st.sampled_from(b'0123456789.,-e{}"[ x'))
@settings(suppress_health_check=fixtures_ok)
def test_no_changed_byte_changes_a_price(server, tmp_path, place, byte):
    frame = download(START, END)
    path = tmp_path / NAME
    content = bytearray(path.read_bytes())
    content[int(place * len(content))] = byte
    path.write_bytes(content)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CacheWarning)
        try:
            again = recall(START, END)
        except YahooError:
            return
    assert_frame_equal(again, frame, check_exact=True)  # where it was a space


def test_a_write_that_fails_leaves_what_there_was(server, tmp_path, monkeypatch):
    download(START, END)
    before = (tmp_path / NAME).read_bytes()

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    server.rows = [row | {"Volume": 7} for row in GOOD]
    with pytest.warns(CacheWarning, match=r"the prices were not kept in .*: disk full"):
        assert download(START, END)["Volume"][0] == 7  # the prices are there all the same
    assert [path.name for path in tmp_path.iterdir()] == [NAME]
    assert (tmp_path / NAME).read_bytes() == before


def test_a_place_that_is_no_folder(server, tmp_path):
    place = tmp_path / "file"
    place.write_text("mine")
    with pytest.warns(CacheWarning, match=r"the prices were not kept in"):
        assert download(START, END, place).height == 23
    with pytest.raises(YahooError, match="which has nothing"):
        recall(START, END, place)
    assert place.read_text() == "mine"


def test_the_place_is_the_arguments_or_the_environments_or_the_platforms(server, tmp_path, monkeypatch):
    download(START, END, tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / NAME).exists()
    download(START, END, str(tmp_path / "c"))
    assert (tmp_path / "c" / NAME).exists()
    assert not (tmp_path / NAME).exists()
    download(START, END)
    assert (tmp_path / NAME).exists()
    monkeypatch.delenv("ELMAN_CACHE_DIR")
    if sys.platform == "linux":
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
        assert kept.cache_folder(None) == tmp_path / "xdg" / "elman"
    with pytest.raises(TypeError, match="cache_dir: expected the path of a folder, got 5"):
        kept.cache_folder(5)


@pytest.mark.parametrize("option", [{"cached": True}, {"cache_dir": "here"}])
def test_the_snapshot_has_no_cache(option):
    (name,) = option
    with pytest.raises(ValueError, match=f"{name}: expected only with source='yahoo', got .* with 'bundled'"):
        en.load_splg(**option)


def run(capsys, tmp_path, *options):
    small = ["--epochs", "1", "--length", "5", "--picture", str(tmp_path / "a.svg")]
    days = ["--source", "yahoo", "--start", "2023-03-01", "--end", "2023-04-01"]
    code = main([*days, *small, *options])
    printed = capsys.readouterr()
    return code, " ".join((printed.out + printed.err).split())


def test_the_command_says_where_its_prices_come_from(server, capsys, tmp_path):
    place = tmp_path / "place"
    code, live = run(capsys, tmp_path, "--cache-dir", str(place))
    assert code == 0
    assert "note:" not in live
    assert (place / NAME).exists()
    server.rows = None
    code, failed = run(capsys, tmp_path, "--cache-dir", str(place))
    assert code
    assert "error: SPYM from 2023-03-01" in failed
    assert "--cached" in failed
    code, again = run(capsys, tmp_path, "--cached", "--cache-dir", str(place))
    assert code == 0
    note, _, rest = again.partition(" ElmanRNN(")
    assert re.fullmatch(f"note: {SAID}", note)
    assert rest.split("RMSE")[1] == live.split("RMSE")[1]
    code, missing = run(capsys, tmp_path, "--cached")
    assert code
    assert "not in the cache" in missing


def test_the_command_says_all_that_is_to_be_known_of_the_cache(server, capsys, tmp_path):
    """A damaged file, and then where the prices come from."""
    download(START, END)
    (tmp_path / "SPYM-x.json").write_text("")
    code, said = run(capsys, tmp_path, "--cached")
    assert code == 0
    first, second = said.partition(" ElmanRNN(")[0].split("note: ")[1:]
    assert "SPYM-x.json is damaged" in first
    assert re.fullmatch(SAID, second)
