"""`inrcodec serve`: serve files over HTTP and WebRTC."""

from __future__ import annotations

import gc
import logging
import os
import re
from typing import TYPE_CHECKING, Annotated

import typer

from inrcodec import checks
from inrcodec.cli import console
from inrcodec.cli.loop_signals import calling
from inrcodec.cli.parameters import MaxWork
from inrcodec.errors import InrCodecError, OptionError

if TYPE_CHECKING:
    from inrcodec.streaming import Library, Server

TOKEN_VARIABLE = "INRCODEC_TOKEN"
UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86400}
LONGEST_LINK_S = 366 * 86400


def serve(
    path: Annotated[
        str, typer.Argument(help="A .inr file, or a folder of them.", metavar="[PATH]")
    ] = ".",
    host: Annotated[
        str, typer.Option(help="Address to listen on: others than this machine only if you ask.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="TCP port; 0 for any free one.")] = 8750,
    token: Annotated[
        str | None,
        typer.Option(help=f"Require this bearer token (or set {TOKEN_VARIABLE})."),
    ] = None,
    links: Annotated[
        str | None,
        typer.Option(help="Print links that work without the token for a time: 30m, 12h, 7d."),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(help="A web origin whose pages may ask, such as https://example.org."),
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(help="A host name that requests may name, such as that of a proxy."),
    ] = None,
    trust_proxy: Annotated[
        list[str] | None,
        typer.Option(help="Address of a proxy whose X-Forwarded-For tells clients apart."),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Folder of the original images: the page then shows quality over time."),
    ] = None,
    open_page: Annotated[
        bool,
        typer.Option("--open", help="Open the page, which takes dropped files, too."),
    ] = False,
    slices: Annotated[
        str,
        typer.Option(help="Side of the slices that grids are cut into: auto, none (as is), 96."),
    ] = "auto",
    max_work: MaxWork = None,
    sessions: Annotated[int, typer.Option(min=1, help="Most WebRTC sessions at once.")] = 256,
    per_address: Annotated[int, typer.Option(min=1, help="Most of these from one address.")] = 32,
    simulate_packet_loss: Annotated[
        str,
        typer.Option(help="Drop packets on purpose: none, bernoulli:10%, ge:10%:4, trace:FILE."),
    ] = "none",
    seed: Annotated[int, typer.Option(help="Seed of the simulated packet loss.")] = 0,
    log_format: Annotated[
        str | None,
        typer.Option("--log", help="A line on stderr for each request and session: text or json."),
    ] = None,
) -> None:
    """Serve files to `inrcodec receive` and to browsers, the coarsest layer first.

    Prints the URL of every file. The page at / shows them all: as they arrive, over WebRTC or HTTP,
    and under packet loss on purpose. Ctrl-C lets sessions finish; a second one stops at once.

    Examples:

      inrcodec serve photo.inr

      inrcodec serve photos/ --open --reference originals/

      inrcodec serve photos/ --host 0.0.0.0 --token "$(openssl rand -hex 16)" --links 12h

      inrcodec serve photo.inr --simulate-packet-loss ge:10%:4
    """
    from inrcodec.streaming import require

    require()
    from inrcodec.streaming import Library, Limits, PacketLoss, Server, ServerOptions
    from inrcodec.streaming.server import descriptors

    _log(log_format)
    token = token or os.environ.get(TOKEN_VARIABLE) or None
    if links is not None and token is None:
        raise OptionError("links are signed with a token; give one with --token")
    seconds = None if links is None else _seconds(links)
    limits = Limits(sessions=sessions, sessions_per_address=per_address)
    options = ServerOptions(
        host=host,
        port=port,
        token=token,
        origins=tuple(allow_origin or ()),
        hosts=tuple(allow_host or ()),
        proxies=tuple(trust_proxy or ()),
        references=reference,
        simulated_packet_loss=PacketLoss.of(simulate_packet_loss),
        seed=seed,
        limits=limits,
    )
    library = Library(path, side_of(slices), max_work=max_work)
    if not library.names() and not open_page:
        raise OptionError(f"{path}: no .inr files here")
    logging.getLogger("aioice").setLevel(logging.ERROR)
    logging.getLogger("aiortc").setLevel(logging.ERROR)
    import asyncio

    descriptors.allow(limits)
    server = Server(library, options)
    if server.limits != limits:
        most = f"{server.limits.connections} connections and {server.limits.sessions} sessions"
        console.note(f"the open files this process may have (ulimit -n) allow {most}")
    asyncio.run(_serve(server, library, seconds, open_page))


def _log(kind: str | None) -> None:
    """Have all that the server logs written to stderr in a format; raises `OptionError`."""
    if kind is None:
        return
    from inrcodec.streaming.server.events import SERVER, JsonLines, TextLines

    formats = {"text": TextLines, "json": JsonLines}
    checks.known("log", kind, formats)
    handler = logging.StreamHandler()
    handler.setFormatter(formats[kind]())
    log = logging.getLogger(SERVER)
    log.handlers[:] = [handler]
    log.setLevel(logging.INFO)
    log.propagate = False


def side_of(text: str) -> int | None:
    """Parse the side of slices: 0 for auto, None for none; raises `OptionError`."""
    if text in ("auto", "none"):
        return 0 if text == "auto" else None
    if not re.fullmatch(r"[1-9][0-9]{0,8}", text):
        raise OptionError(f"slices must be auto, none or a side such as 96, got {text!r}")
    return int(text)


async def _serve(server: Server, library: Library, seconds: float | None, open_page: bool) -> None:
    """Serve until Ctrl-C or SIGTERM, which are heard before the first URL is printed."""
    import asyncio
    import signal
    import webbrowser
    from urllib.parse import quote

    from inrcodec.streaming import signed

    over = asyncio.Event()
    with calling(over.set, signal.SIGINT, signal.SIGTERM):
        await server.start()
        address = f"http://{_shown_host(server.options.host)}:{server.port}"
        for name in library.names():
            problem = await asyncio.to_thread(library.problem, name)  # which reads all of it
            if over.is_set():
                break
            if problem:
                console.note(f"left out: {problem}")
                continue
            path = f"/files/{name}"
            shown = quote(path)
            if seconds is not None:
                shown = signed(path, str(server.options.token), seconds)
            console.show(address + shown)
            if seconds is not None:  # the same link lets in who looks at it
                query = shown.partition("?")[2]
                console.note(f"in a browser: {address}/view/{quote(name)}?{query}")
        gc.collect()
        gc.freeze()  # collections while serving then look at what serving makes alone
        console.note(f"serving; look at {address}/ in a browser, or receive with")
        console.note("`inrcodec receive URL -o out.png`; stop with Ctrl-C")
        if open_page:
            await asyncio.to_thread(webbrowser.open, f"{address}/")
        await over.wait()
    console.note(f"draining {server.sessions} sessions")
    await server.close()


def _shown_host(host: str) -> str:
    """Return the host for a URL; for a server on all addresses, one that others can reach."""
    from inrcodec.streaming.transport.webrtc import local_addresses

    if host in ("0.0.0.0", "::"):
        try:
            host = local_addresses("192.0.2.1" if host == "0.0.0.0" else "2001:db8::1", 9)[0]
        except InrCodecError:
            host = "127.0.0.1" if host == "0.0.0.0" else "::1"
    return f"[{host}]" if ":" in host else host


def _seconds(text: str) -> float:
    """Parse a time such as 30m, 12h or 7d to seconds; raises `OptionError`."""
    match = re.fullmatch(r"([0-9]{1,9})([smhd])", text)
    seconds = int(match[1]) * UNITS_S[match[2]] if match else 0
    if not 1 <= seconds <= LONGEST_LINK_S:
        raise OptionError(f"a time looks like 30m, 12h or 7d, got {text!r}")
    return float(seconds)
