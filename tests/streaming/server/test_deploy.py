"""The files of deploy/: a real nginx in front of a server, and options that exist."""

import asyncio
import contextlib
import datetime
import logging
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from inrcodec.streaming.server.events import log
from tests.streaming.peers import serving

DEPLOY = Path(__file__).parents[3] / "deploy"

needs_nginx = pytest.mark.skipif(
    not (shutil.which("nginx") and shutil.which("curl")), reason="needs nginx and curl"
)


def free_port() -> int:
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return made.getsockname()[1]


def certificate(folder: Path) -> None:
    """One for localhost, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.timezone.utc)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), True)
        .sign(key, hashes.SHA256())
    )
    (folder / "c.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "c.key").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )


@contextlib.contextmanager
def nginx(folder: Path, behind: int) -> Iterator[int]:
    """A real nginx with the file of deploy/, for localhost: its port for TLS."""
    folder.mkdir()
    certificate(folder)
    port = free_port()
    text = (DEPLOY / "nginx.conf").read_text()
    for old, new in (
        ("127.0.0.1:8750", f"127.0.0.1:{behind}"),
        ("listen 443 ", f"listen 127.0.0.1:{port} "),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("images.example.org.pem", "c.pem"),
        ("images.example.org.key", "c.key"),
        ("/etc/ssl/", f"{folder}/"),
        ("images.example.org", "localhost"),
    ):
        assert old in text
        text = text.replace(old, new)
    (folder / "site.conf").write_text(text)
    temporary = "".join(
        f"{kind}_temp_path {folder}/{kind};\n"
        for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    user = "user root;\n" if os.geteuid() == 0 else ""
    (folder / "nginx.conf").write_text(
        f"{user}daemon off;\nmaster_process off;\npid {folder}/pid;\nerror_log {folder}/errors;\n"
        f"events {{}}\nhttp {{\naccess_log off;\n{temporary}include {folder}/site.conf;\n}}\n"
    )
    command = ["nginx", "-c", str(folder / "nginx.conf"), "-p", str(folder)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
                    break
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.02)
            yield port
        finally:
            process.terminate()


def curl(folder: Path, *words: str) -> bytes:
    """What curl gets, which trusts nginx alone."""
    command = ["curl", "--silent", "--show-error", "--cacert", str(folder / "c.pem"), *words]
    done = subprocess.run(command, capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout


@needs_nginx
def test_a_real_nginx_serves_files_by_http_2_and_tells_clients_apart(
    tmp_path: Path, sliced_file: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, log.name)
    (tmp_path / "files").mkdir()
    (tmp_path / "files/grids.inr").write_bytes(sliced_file)
    conf = tmp_path / "nginx"

    def ask(port: int) -> None:
        url = f"https://localhost:{port}"
        words = ("--http2", "--dump-header", str(tmp_path / "head"))
        assert curl(conf, *words, f"{url}/files/grids.inr") == sliced_file
        head = (tmp_path / "head").read_text()
        assert head.startswith("HTTP/2 200")
        tag = re.search(r"^etag: (.*?)\r?$", head, re.M)[1]
        assert "inr-layers: 0," in head
        part = curl(
            conf, *words, "-r", "100-199", "-H", f"If-Range: {tag}", f"{url}/files/grids.inr"
        )
        assert part == sliced_file[100:200]
        assert (tmp_path / "head").read_text().startswith("HTTP/2 206")
        curl(conf, *words, "-H", "X-Forwarded-For: 198.51.100.9", f"{url}/healthz")
        assert b"inrcodec_requests_total" in curl(conf, f"{url}/metrics")
        assert curl(conf, "-o", os.devnull, "-w", "%{http_code}", f"{url}/files/gone.inr") == b"404"
        large = tmp_path / "large"
        large.write_bytes(bytes(20_000))
        words = ("-o", os.devnull, "-w", "%{http_code}", "--data-binary", f"@{large}")
        assert curl(conf, *words, f"{url}/files/grids.inr") == b"413"

    async def go() -> None:
        async with serving(tmp_path / "files", proxies=("127.0.0.1",)) as (server, _):
            with nginx(conf, server.port) as port:
                await asyncio.to_thread(ask, port)

    asyncio.run(go())
    told = {record.fields["client"] for record in caplog.records if record.name == log.name}
    assert told == {"127.0.0.1"}  # and none that a client only claims


@needs_nginx
def test_a_receiver_gets_its_file_through_a_real_nginx(tmp_path: Path, sliced_file: bytes) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files/grids.inr").write_bytes(sliced_file)
    conf, out = tmp_path / "nginx", tmp_path / "out.inr"

    def receive(port: int) -> None:
        url = f"https://localhost:{port}/files/grids.inr"
        command = [sys.executable, "-m", "inrcodec", "receive", url, "-o", str(out)]
        environment = os.environ | {"SSL_CERT_FILE": str(conf / "c.pem")}
        for transport in ("http", "auto"):
            out.unlink(missing_ok=True)
            done = subprocess.run(
                [*command, "--transport", transport], env=environment, capture_output=True
            )
            assert done.returncode == 0, done.stderr.decode()
            assert out.read_bytes() == sliced_file

    async def go() -> None:
        async with serving(tmp_path / "files", proxies=("127.0.0.1",)) as (server, _):
            with nginx(conf, server.port) as port:
                await asyncio.to_thread(receive, port)
            assert server.count["inrcodec_sessions_total"] == 1

    asyncio.run(go())


def test_the_options_in_the_files_exist() -> None:
    import typer.main

    from inrcodec.cli.app import app

    group = typer.main.get_command(app)
    known = {name for p in group.commands["serve"].params for name in p.opts}  # type: ignore[attr-defined]
    for name in ("Dockerfile", "inrcodec.service", "nginx.conf"):
        text = (DEPLOY / name).read_text()
        command = " ".join(re.findall(r"inrcodec serve.*|CMD \[.*serve.*|CMD \[\"--.*", text))
        options = set(re.findall(r"--[a-z-]+", command))
        assert options, name
        assert options <= known, name


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd")
def test_systemd_takes_the_unit(tmp_path: Path) -> None:
    unit = tmp_path / "inrcodec.service"
    text = (DEPLOY / "inrcodec.service").read_text()
    unit.write_text(text.replace("/opt/inrcodec/bin/inrcodec", sys.executable))
    command = ["systemd-analyze", "verify", "--man=no", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True)
    own = [line for line in done.stderr.splitlines() if "inrcodec.service" in line]
    assert own == []
