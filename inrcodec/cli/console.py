"""Talking to the person: errors, warnings, progress, and where results go."""

from __future__ import annotations

import json
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TextIO

from inrcodec.errors import (
    FormatError,
    InputError,
    InrCodecError,
    InrCodecWarning,
    OptionError,
    OutputError,
)
from inrcodec.files import is_dangling, is_stream, read_bytes, write_bytes
from inrcodec.jsonable import finite

STDOUT = ("/dev/stdout", "/dev/fd/1", "/proc/self/fd/1")
FAILED, USAGE, INVALID_FILE, INTERRUPTED = 1, 2, 3, 130


def exit_code(error: InrCodecError) -> int:
    """The exit code for an error: the caller's options 2, an invalid file 3, all others 1.

    An image beyond a limit of the encoder is among the others: the file is valid.
    """
    if isinstance(error, OptionError):
        return USAGE
    return INVALID_FILE if isinstance(error, FormatError) else FAILED


def show_error(error: object) -> None:
    """One line on stderr."""
    note(f"inrcodec: error: {error}")


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line on stderr; takes the place of `warnings.showwarning`."""
    note(f"inrcodec: warning: {message}")


def show_warnings() -> None:
    """Show this package's warnings, and those of Pillow, which reads images; no others."""
    warnings.showwarning = show_warning
    warnings.simplefilter("ignore")
    warnings.filterwarnings("default", module=r"PIL\.")
    warnings.filterwarnings("ignore", "Image size .* decompression bomb")  # our own limit is higher
    warnings.filterwarnings("ignore", "Corrupt EXIF")  # ours says so, with the file's name
    warnings.filterwarnings("always", category=InrCodecWarning)


def note(message: str) -> None:
    """One line for a person, on stderr so that stdout stays the result; nowhere if it is closed."""
    if _is_open(sys.stderr):
        print(one_line(message), file=sys.stderr, flush=True)  # noqa: T201


def note_skipped(image: str, reasons: Mapping[str, str]) -> None:
    """Say which metrics are left out of judging an image, and why."""
    for name, why in reasons.items():
        note(f"left out: {name} of {image}: {why}")


def note_lines(notes: Mapping[str, Mapping[str, float]]) -> Iterator[str]:
    """What metrics say of their own reliability (`Judge.notes`), a line for each."""
    for name, facts in notes.items():
        yield f"{name}: " + ", ".join(f"{key} {value:.4g}" for key, value in facts.items())


def say_at_once(message: str) -> None:
    """As `note`, from a signal handler: not through the stream, which may be in use."""
    if _is_open(sys.stderr):
        with suppress(OSError, ValueError):  # nothing behind it that can be written to
            os.write(sys.stderr.fileno(), f"\n{one_line(message)}\n".encode())


def show(text: str) -> None:
    """A result for a person, on stdout; what stdout cannot encode is escaped. Raises `OutputError`
    if it is closed."""
    encoding = _stdout().encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))  # noqa: T201


def _is_open(stream: TextIO | None) -> bool:
    """Whether a standard stream can be used: Python has none for a closed descriptor."""
    return stream is not None and not stream.closed


def on_terminal() -> bool:
    """Whether a person sees stderr as it is written."""
    return _is_open(sys.stderr) and sys.stderr.isatty()


def _stdout() -> TextIO:
    """Stdout; raises `OutputError` if it is closed."""
    if not _is_open(sys.stdout):
        raise OutputError("stdout is closed")
    return sys.stdout


def one_line(message: object) -> str:
    """The message without line breaks or terminal control characters."""
    return "".join(c if c.isprintable() else " " for c in str(message))


def print_json(value: Any) -> None:
    """A result as JSON on stdout; infinities become "inf" and "-inf", NaN null."""
    show(json.dumps(finite(value), indent=2))


def print_json_line(value: Any) -> None:
    """One of many results, as JSON on a line of its own, which a program reads as it comes."""
    show(json.dumps(finite(value)))
    _stdout().flush()


def table(rows: Sequence[Sequence[str]], alignment: str) -> str:
    """Rows as aligned columns; `alignment` has "<" or ">" for each column."""
    cells = [[one_line(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(f"{cell:{a}{w}}" for cell, a, w in zip(row, alignment, widths, strict=True))
        for row in cells
    ]
    return "\n".join(line.rstrip() for line in lines)


def words(text: str | None) -> tuple[str, ...] | None:
    """The words of an option like "psnr,ssim"; None stays None."""
    if text is None:
        return None
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise OptionError(f"expected names with commas between them, got {text!r}")
    return found


def read_input(path: str) -> bytes:
    """Read a file, or stdin for "-", to its end; raises `InputError`."""
    if path != "-":
        return read_bytes(path)
    if not _is_open(sys.stdin):
        raise InputError("stdin is closed")
    try:
        return read_bytes(sys.stdin.buffer)
    except InputError as error:
        error.about("stdin")
        raise


def outputs_for(
    inputs: list[str],
    output: str | None,
    extension: str | Callable[[str], str],
    force: bool,
    as_json: bool,
) -> list[str]:
    """Where each input's result goes; checks before any work that it can be written there.

    One input may go to a file or "-"; several need a folder. One whose name ends in a slash is made
    with its first result. Without `output` a result lies beside its input; `extension` may be a
    function of the name of that. A pipe or a device, such as /dev/null, is no file and needs no
    force; /dev/stdout is "-".
    """
    ending = extension if callable(extension) else lambda _: extension
    new_folder = output is not None and output.endswith(("/", os.sep))
    if output is None:
        named = map(_named, inputs)
        names = [Path(name).with_name(f"{_stem(name)}{ending(name)}") for name in named]
        paths = ["-" if n == "-" else str(p) for n, p in zip(inputs, names, strict=True)]
    elif new_folder or os.path.isdir(output):
        paths = [str(Path(output) / f"{_stem(name)}{ending(name)}") for name in inputs]
    elif len(inputs) == 1:
        paths = [output]
    else:
        raise OptionError(f"{len(inputs)} inputs need a folder as output, e.g. -o results/")
    paths = ["-" if os.path.abspath(path) in STDOUT else path for path in paths]
    if len(set(paths)) < len(paths):
        raise OptionError("two inputs would be written to the same output")
    if as_json and "-" in paths:
        raise OptionError("--json and the result would both go to stdout; name an output with -o")
    for name, path in zip(inputs, paths, strict=True):
        if path != "-":
            try:
                _check_output(name, Path(path), force, new_folder)
            except OSError as error:
                raise OutputError(f"{path}: cannot be written: {error.strerror or error}") from None
    return paths


def check_binary_stdout(paths: list[str]) -> None:
    """Refuse, before any work, to write a file for "-" to a closed stdout or to a terminal."""
    if "-" in paths and _stdout().isatty():
        raise OptionError(
            "stdout is a terminal, which shows no file: name an output with -o, or add > FILE"
        )


def _named(name: str) -> str:
    """The name itself, or an error for what has none, such as a folder given as "."."""
    if not Path(name).name:
        raise InputError(f"{name or 'an empty name'}: cannot be read: not a file")
    return name


def _stem(name: str) -> str:
    """File name without folder and extension; stdin is called "stdin"."""
    return "stdin" if name == "-" else Path(name).stem


def _check_output(name: str, target: Path, force: bool, new_folder: bool) -> None:
    """Refuse what would fail or destroy later, with the reason."""
    if is_stream(target):
        return
    if target.is_dir():
        raise OutputError(f"{target}: is a folder")
    if is_dangling(target):
        raise OutputError(f"{target}: is a link to a file that does not exist")
    if target.exists() and name != "-" and Path(name).exists() and target.samefile(name):
        raise OutputError(f"{target}: is the input itself")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; use --force to replace it")
    folder = target.parent
    if not folder.exists() and not new_folder:
        raise OutputError(f"{target}: the folder does not exist")
    while not os.path.lexists(folder):
        folder = folder.parent
    in_place = target.exists() and os.access(target, os.W_OK)
    if not (folder.is_dir() and (os.access(folder, os.W_OK) or in_place)):
        raise OutputError(f"{target}: the folder cannot be written to")


def write_output(path: str, data: bytes, *, force: bool) -> None:
    """Write a file, or to stdout for "-"; raises `OutputError`.

    A file that is there by now is replaced only with `force`.
    """
    if path != "-":
        write_bytes(path, data, replace=force)
        return
    binary = _stdout().buffer
    binary.write(data)
    binary.flush()


@contextmanager
def exit_codes() -> Iterator[list[int]]:
    """Collect the exit codes of several inputs; the largest one ends the command."""
    codes: list[int] = []
    yield codes
    if any(codes):
        import typer

        raise typer.Exit(max(codes))
