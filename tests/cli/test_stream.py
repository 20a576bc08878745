"""`inrcodec serve`, `receive`, `simulate`: as a person uses them."""

import json
import os
import re
import signal
import subprocess
import sys
import urllib.request
from contextlib import contextmanager

import pytest
from PIL import Image

import inrcodec
from inrcodec.codec.format.header import Family
from tests.latent_files import random_file


@pytest.fixture(scope="module")
def grids(tmp_path_factory):
    path = tmp_path_factory.mktemp("stream") / "grids.inr"
    path.write_bytes(random_file(Family.COOLCHIC, 160, 120))
    return path


@contextmanager
def serving(path, *options):
    """A server in a process of its own: (URLs, process)."""
    command = [sys.executable, "-m", "inrcodec.cli.main", "serve", str(path), "--port", "0"]
    environment = os.environ | {"PYTHONUNBUFFERED": "1"}
    process = subprocess.Popen(
        [*command, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )
    try:
        yield process.stdout.readline().strip(), process
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=30)
        assert "Traceback" not in out + error
        assert process.returncode == 0


def test_serve_and_receive(run, grids, tmp_path):
    with serving(grids) as (url, _):
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/files/grids\.inr", url)
        target, steps = tmp_path / "out.png", tmp_path / "steps"
        code, out, error = run("receive", url, "-o", target, "--progressive", steps, "--json")
        assert code == 0, error
        report = json.loads(out)
        assert report["complete"]
        assert report["transport"] == "webrtc"
        assert [frame["layers"] for frame in report["frames"]][-1] == report["frames"][-1]["of"]
        assert len(list(steps.iterdir())) == len(report["frames"]) >= 1
        shown = Image.open(target)
        assert (inrcodec.decode(grids.read_bytes()) == shown).all()
        code, _, error = run("receive", url, "-o", target)
        assert code == 1
        assert "--force" in error
        code, _, error = run("receive", url, "-o", tmp_path / "copy.inr", "--transport", "http")
        assert code == 0
        assert "whole" in error
        assert inrcodec.decode((tmp_path / "copy.inr").read_bytes()).shape == (120, 160, 3)
        code, _, error = run("receive", url, "--until", "1", "-o", tmp_path / "part.inr")
        assert code == 2
        assert "whole" in error
        code, _, error = run("receive", url, "--progressive", steps)
        assert code == 1
        assert "--force" in error
        code, _, error = run("receive", url + "x", "-o", tmp_path / "no.png")
        assert code == 1
        assert "404" in error
        assert not (tmp_path / "no.png").exists()


def test_a_token_and_a_link(run, grids, tmp_path, monkeypatch):
    with serving(grids, "--token", "a long secret", "--links", "1h") as (link, process):
        assert "signature=" in link
        assert run("receive", link, "-o", tmp_path / "a.png")[0] == 0
        bare = link.partition("?")[0]
        assert run("receive", bare)[0] == 1
        assert run("receive", bare, "--token", "a long secret")[0] == 0
        monkeypatch.setenv("INRCODEC_TOKEN", "a long secret")
        assert run("receive", bare)[0] == 0
        line = process.stderr.readline().strip()
        assert line == "in a browser: " + link.replace("/files/", "/view/")


def test_odd_names_and_broken_files(run, grids, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "my photo ü #1%.inr").write_bytes(grids.read_bytes())
    (folder / "broken.inr").write_bytes(b"broken")
    with serving(folder) as (url, process):
        assert url.endswith("/files/my%20photo%20%C3%BC%20%231%25.inr")
        assert run("receive", url, "-o", tmp_path / "out.png")[0] == 0
        assert process.stderr.readline().startswith("left out: broken.inr")


def test_files_that_take_too_long_to_be_cut_are_left_out(run, grids, tmp_path):
    (tmp_path / "large.inr").write_bytes(grids.read_bytes())
    (tmp_path / "small.inr").write_bytes(random_file(Family.COOLCHIC, 16, 12))
    with serving(tmp_path, "--max-work", "0.02") as (url, process):
        assert url.endswith("/files/small.inr")
        line = process.stderr.readline()
        assert line.startswith("left out: large.inr: this would take about")
        assert "--max-work" in line
    code, _, error = run("serve", grids, "--max-work", "0.02")
    assert (code, error.count("\n")) == (1, 1)
    assert "--max-work" in error


def test_a_server_that_dies_leaves_what_had_arrived(run, grids, tmp_path):
    with serving(grids, "--simulate-packet-loss", "bernoulli:95%") as (url, _):
        code, _, error = run(
            "receive", url, "--patience", "0.1", "--mode", "once", "-o", tmp_path / "out.png"
        )
    assert (tmp_path / "out.png").exists(), (code, error)


def test_losses_on_purpose(run, grids, tmp_path):
    with serving(grids, "--simulate-packet-loss", "ge:20%:3", "--slices", "32") as (url, _):
        for mode in ("fec", "nack"):
            code, _, error = run("receive", url, "-o", tmp_path / f"{mode}.png", "--mode", mode)
            assert code == 0
            assert "whole" in error


def test_a_psnr_is_enough(run, grids, tmp_path):
    whole = tmp_path / "whole.png"
    assert run("decode", grids, "-o", whole)[0] == 0
    with serving(grids) as (url, _):
        code, out, _ = run("receive", url, "--reference", whole, "--until", "5dB", "--json")
        assert code == 0
        assert json.loads(out)["frames"][-1]["psnr_db"] not in (None, 0)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("serve", "nothing.inr"), 1),
        (("serve", "{grids}", "--port", "70000"), 2),
        (("serve", "{grids}", "--links", "1h"), 2),
        (("serve", "{grids}", "--token", "short"), 2),
        (("serve", "{grids}", "--simulate-packet-loss", "some"), 2),
        (("serve", "{grids}", "--links", "²h", "--token", "12345678"), 2),
        (("serve", "{grids}", "--links", "9" * 5000 + "h", "--token", "12345678"), 2),
        (("serve", "{grids}", "--allow-host", "http://example.org"), 2),
        (("serve", "{grids}", "--trust-proxy", "proxy"), 2),
        (("serve", "{grids}", "--slices", "3"), 2),
        (("serve", "{grids}", "--slices", "0"), 2),
        (("serve", "{grids}", "--slices", "²"), 2),
        (("serve", "{grids}", "--slices", "9" * 5000), 2),
        (("simulate", "{grids}", "--slices", "5000"), 2),
        (("receive", "not-a-url"), 2),
        (("receive", "http://127.0.0.1:9/x", "--until", "soon"), 2),
        (("receive", "http://127.0.0.1:9/x", "--mode", "hope"), 2),
        (("receive", "http://127.0.0.1:9/x", "-o", "out.xyz"), 2),
        (("receive", "http://127.0.0.1:9/x", "--budget", "-3"), 2),
        (("receive", "http://127.0.0.1:9/x", "--until", "35.5"), 2),
        (("receive", "http://127.0.0.1:9/x", "--until", "100"), 2),
        (("receive", "http://127.0.0.1:9/x", "--token", "with\nnewline"), 2),
        (("receive", "http://127.0.0.1:99999/x"), 2),
        (("serve", "{grids}", "--sessions", "-3"), 2),
        (("simulate", "nothing.inr"), 1),
        (("simulate", "{grids}", "--packet-loss", "ge:10%"), 2),
        (("simulate", "{grids}", "--modes", "hope"), 2),
        (("simulate", "{grids}", "--rate", "fast"), 2),
        (("simulate", "{grids}", "--rtt", "-1"), 2),
        (("simulate", "{grids}", "--plot", "plot.txt"), 2),
        (("simulate", "{notes}"), 3),
    ],
)
def test_wrong_words(run, grids, tmp_path, monkeypatch, arguments, code):
    monkeypatch.chdir(tmp_path)
    notes = tmp_path / "notes.txt"
    notes.write_text("no file of ours")
    found, _, error = run(*(a.format(grids=grids, notes=notes) for a in arguments))
    assert found == code, error
    assert error.count("\n") <= 12


def test_simulate(run, grids, tmp_path):
    plot = tmp_path / "plot.png"
    code, out, error = run(
        "simulate",
        grids,
        "--packet-loss",
        "bernoulli:20%",
        "--seeds",
        "2",
        "--plot",
        plot,
        "--json",
    )
    assert code == 0, error
    report = json.loads(out)
    assert 0.9 < report["jpeg_bytes"] / report["size_bytes"] < 1.1
    modes = {row["mode"]: row for row in report["runs"]}
    assert set(modes) == {"fec", "nack", "reliable", "once", "jpeg", "jpeg-once"}
    for mode in ("fec", "nack", "reliable", "jpeg"):
        assert modes[mode]["complete"]
    assert modes["nack"]["last_psnr_db"] == "inf"  # against the decoded file itself
    assert modes["once"]["mask"].count("1") == modes["once"]["lost"] > 0
    assert Image.open(plot).size[0] > 500
    code, out, _ = run(
        "simulate", grids, "--packet-loss", "none", "--modes", "nack", "--rate", "none"
    )
    assert code == 0
    assert out.decode().splitlines()[0].startswith("mode")


def test_the_size_of_the_jpeg_is_said(run, grids):
    code, _, error = run("simulate", grids, "--modes", "nack,jpeg", "--packet-loss", "none")
    assert code == 0, error
    assert re.search(
        r"the file has \d+ bytes, the JPEG nearest in size \d+ \([+-]\d+\.\d%\)", error
    )
    _, _, error = run("simulate", grids, "--modes", "nack", "--packet-loss", "none")
    assert "JPEG" not in error
    code, _, error = run("simulate", grids, "--max-pixels", "100")
    assert (code, error.count("\n")) == (3, 1)
    assert "--max-pixels" in error


def test_simulating_twice_says_the_same(run, grids):
    first, second = (
        run("simulate", grids, "--packet-loss", "ge:10%:4", "--modes", "fec,once", "--json")[1]
        for _ in range(2)
    )
    assert first == second


def test_without_the_packages(run, grids, monkeypatch):
    import importlib.util

    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    for command in (("serve", grids), ("receive", "http://x/y"), ("simulate", grids)):
        code, _, error = run(*command)
        assert code == 1
        assert 'pip install "inrcodec[stream]"' in error


def test_ctrl_c_drains(grids):
    with serving(grids) as (_, process):
        pass  # it serves as soon as it says its URL
    assert process.returncode == 0


def test_sigterm_drains_and_logs_are_lines_of_json(grids):
    words = [str(grids), "--port", "0", "--slices", "none", "--log", "json"]
    process = subprocess.Popen(
        [sys.executable, "-m", "inrcodec", "serve", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            with urllib.request.urlopen(process.stdout.readline().strip()) as reply:
                begun = reply.read(100)
                process.send_signal(signal.SIGTERM)
                assert begun + reply.read() == grids.read_bytes()
            stderr = process.communicate(timeout=30)[1]
        finally:
            process.kill()
    assert process.returncode == 0
    lines = [json.loads(line) for line in stderr.splitlines() if line.startswith("{")]
    assert [(line["path"], line["status"]) for line in lines] == [("/files/grids.inr", 200)]
    assert "draining 0 sessions" in stderr


def test_a_format_of_logs_that_is_none_is_refused(run, grids):
    code, _, error = run("serve", grids, "--log", "jason")
    assert (code, error) == (2, "inrcodec: error: unknown log 'jason'; did you mean json?\n")
