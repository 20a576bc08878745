"""What a server tells: numbers for Prometheus, and a line for each request and session."""

import asyncio
import hashlib
import json
import logging
import re
from pathlib import Path

import aiohttp
import pytest

from inrcodec.streaming.server.events import SERVER, JsonLines, TextLines, log, public, tell
from inrcodec.streaming.server.exposition import METRICS, exposition
from tests.streaming.peers import frames, serving

GUIDE = Path(__file__).parents[3] / "docs/guides/server.md"


@pytest.fixture
def folder(tmp_path: Path, sliced_file: bytes) -> Path:
    (tmp_path / "grids.inr").write_bytes(sliced_file)
    return tmp_path


def test_numbers_are_those_of_what_happened(folder, sliced_file):
    async def go():
        async with serving(folder) as (_, base), aiohttp.ClientSession() as http:
            url = f"{base}/files/grids.inr"
            async with http.get(url) as reply:
                assert await reply.read() == sliced_file
            async with http.head(url):
                pass
            async with http.get(f"{base}/files/gone.inr"):
                pass
            assert (await frames(url))[-1].complete
            async with http.get(f"{base}/metrics") as reply:
                assert reply.headers["Content-Type"].startswith("text/plain; version=0.0.4")
                return await reply.text()

    text = asyncio.run(go())
    values = dict(re.findall(r"^([a-z_]+(?:\{.*\})?) (\S+)$", text, re.M))
    assert int(values["inrcodec_sessions_total"]) == 1
    assert int(values["inrcodec_requests_total"]) >= 4
    assert int(values['inrcodec_responses_total{status="4xx"}']) >= 1  # the end of the session, too
    assert int(values['inrcodec_responses_total{status="2xx"}']) >= 3
    assert int(values["inrcodec_sent_bytes_total"]) > len(sliced_file)
    assert len(sliced_file) < int(values["inrcodec_downloaded_bytes_total"])
    assert int(values["inrcodec_downloaded_bytes_total"]) < 2 * len(sliced_file)
    assert values["inrcodec_draining"] == "0"
    assert {name.partition("{")[0] for name in values} <= METRICS.keys()
    for name in {name.partition("{")[0] for name in values}:
        assert text.count(f"# TYPE {name} {METRICS[name][0]}\n") == 1
        assert text.count(f"# HELP {name} ") == 1


def test_every_number_is_on_the_page():
    rows = dict(
        re.findall(r"^\| `(\w+)` \| (?:counter|gauge) \| (.*) \|$", GUIDE.read_text(), re.M)
    )
    assert rows == {name: about for name, (_, about) in METRICS.items()}


def test_a_counter_without_a_value_is_zero_and_a_gauge_is_left_out():
    text = exposition({"inrcodec_sent_bytes_total": 10**13})
    assert "inrcodec_sent_bytes_total 10000000000000\n" in text
    assert "inrcodec_bad_messages_total 0\n" in text
    assert "inrcodec_sessions " not in text


def test_requests_and_sessions_are_told_and_no_secrets(folder, sliced_file, caplog):
    sliced_digest = hashlib.sha256(sliced_file).hexdigest()
    caplog.set_level(logging.INFO, log.name)

    async def go():
        async with serving(folder, token="sesame-sesame-sesame") as (_, base):
            url = f"{base}/files/grids.inr"
            headers = {"Authorization": "Bearer sesame-sesame-sesame"}
            async with aiohttp.ClientSession() as http:
                async with http.get(f"{url}?signature=secret") as reply:
                    assert reply.status == 401
                async with http.get(url, headers=headers):
                    pass
            assert (await frames(url, token="sesame-sesame-sesame"))[-1].complete

    asyncio.run(go())
    told = [record for record in caplog.records if record.name == log.name]
    lines = [json.loads(JsonLines().format(record)) for record in told]
    requests = [line for line in lines if line["event"] == "request"]
    assert [line["status"] for line in requests[:2]] == [401, 200]
    assert requests[1]["path"] == "/files/grids.inr"
    assert requests[1]["client"] == "127.0.0.1"
    assert requests[1]["elapsed_s"] >= 0
    (session,) = [line for line in lines if line["event"] == "session"]
    assert session["connected"]
    assert session["sent_bytes"] > 0
    assert sliced_digest.startswith(session["file"])
    everything = json.dumps(lines) + "".join(TextLines().format(record) for record in told)
    assert "sesame" not in everything
    assert "secret" not in everything
    assert {line["path"] for line in requests if line["method"] == "DELETE"} <= {"/sessions/..."}
    assert public("/sessions/abc") == "/sessions/..."


def test_what_strangers_say_stays_on_one_line(caplog):
    caplog.set_level(logging.INFO, log.name)
    tell("request", path="/files/a\nb c", status=404)
    (record,) = caplog.records
    assert TextLines().format(record).endswith('request path="/files/a\\nb c" status=404')
    assert "\n" not in JsonLines().format(record)


def test_other_records_are_lines_too():
    record = logging.LogRecord(SERVER, logging.WARNING, "", 0, "no %s", ("sockets",), None)
    line = json.loads(JsonLines().format(record))
    assert (line["level"], line["message"], line["logger"]) == ("warning", "no sockets", SERVER)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    try:
        raise ValueError("bug")
    except ValueError as error:
        record.exc_info = (ValueError, error, error.__traceback__)
    assert "ValueError: bug" in json.loads(JsonLines().format(record))["traceback"]
    assert TextLines().format(record).splitlines()[1].startswith("Traceback")


def test_nothing_is_told_where_nobody_listens(caplog):
    tell("request", path="/")
    assert not caplog.records
