"""Talking to the person: errors, warnings, progress, and where results go."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO

from inrcodec.errors import FormatError, InputError, InrCodecError, OptionError, OutputError

FAILED, USAGE, INVALID_FILE, INTERRUPTED = 1, 2, 3, 130
MAX_INPUT_BYTES = 1 << 29


def exit_code(error: InrCodecError) -> int:
    """The exit code an error stands for."""
    if isinstance(error, OptionError):
        return USAGE
    return INVALID_FILE if isinstance(error, FormatError) else FAILED


def show_error(error: object) -> None:
    """One line on stderr."""
    print(f"inrcodec: error: {_one_line(error)}", file=sys.stderr)  # noqa: T201


def show_warning(
    message: Warning | str,
    category: type[Warning],
    filename: str,
    lineno: int,
    file: TextIO | None = None,
    line: str | None = None,
) -> None:
    """One line on stderr; takes the place of `warnings.showwarning`."""
    print(f"inrcodec: warning: {_one_line(message)}", file=sys.stderr)  # noqa: T201


def note(message: str) -> None:
    """One line for a person, on stderr so that stdout stays the result."""
    print(message, file=sys.stderr)  # noqa: T201


def _one_line(message: object) -> str:
    """The message without line breaks or terminal control characters."""
    return "".join(c if c.isprintable() else " " for c in str(message))


def print_json(value: Any) -> None:
    """A result as JSON on stdout; infinities and NaN become null."""
    print(json.dumps(_finite(value), indent=2, ensure_ascii=False))  # noqa: T201


def _finite(value: Any) -> Any:
    """`value` with every float that JSON cannot say replaced by None."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value


def read_input(path: str) -> bytes:
    """The bytes of a file, or of stdin for "-"."""
    try:
        if path == "-":
            return sys.stdin.buffer.read(MAX_INPUT_BYTES)
        with open(path, "rb") as file:
            return file.read(MAX_INPUT_BYTES)
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: cannot be read: {_reason(error)}") from None


def outputs_for(inputs: list[str], output: str | None, extension: str, force: bool) -> list[str]:
    """Where each input's result goes; checks before any work that it can be written there.

    One input may go to a file or "-"; several need a folder, made here if its name ends in a slash.
    Without `output` a result lies beside its input.
    """
    new_folder = output is not None and output.endswith(("/", os.sep))
    if output is None:
        names = [Path(name).with_name(f"{_stem(name)}{extension}") for name in map(_named, inputs)]
        paths = ["-" if n == "-" else str(p) for n, p in zip(inputs, names, strict=True)]
    elif new_folder or Path(output).is_dir():
        paths = [str(Path(output) / f"{_stem(name)}{extension}") for name in inputs]
    elif len(inputs) == 1:
        paths = [output]
    else:
        raise OptionError(f"{len(inputs)} inputs need a folder as output, e.g. -o results/")
    if len(set(paths)) < len(paths):
        raise OptionError("two inputs would be written to the same output")
    for name, path in zip(inputs, paths, strict=True):
        if path != "-":
            _check_output(name, Path(path), force, new_folder)
    if new_folder and output is not None:
        _make_folder(Path(output))
    return paths


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
    folder = target.parent
    if target.is_dir():
        raise OutputError(f"{target}: is a folder")
    if target.exists() and name != "-" and Path(name).exists() and target.samefile(name):
        raise OutputError(f"{target}: is the input itself")
    if target.exists() and not force:
        raise OutputError(f"{target}: exists already; use --force to replace it")
    if not folder.exists() and not new_folder:
        raise OutputError(f"{target}: the folder does not exist")
    if folder.exists() and not (folder.is_dir() and os.access(folder, os.W_OK)):
        raise OutputError(f"{target}: the folder cannot be written to")


def _make_folder(folder: Path) -> None:
    """Create an output folder."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be made: {_reason(error)}") from None


def write_output(path: str, data: bytes) -> None:
    """Write all or nothing: a temporary file beside the target, then a rename."""
    try:
        if path == "-":
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
            return
        folder = Path(path).parent
        handle, temporary = tempfile.mkstemp(prefix=f".{Path(path).name}.", dir=folder)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.chmod(temporary, 0o666 & ~_umask())
            os.replace(temporary, path)
        except BaseException:
            Path(temporary).unlink(missing_ok=True)
            raise
    except BrokenPipeError:
        raise
    except OSError as error:
        raise OutputError(f"{path}: cannot be written: {_reason(error)}") from None


def _umask() -> int:
    """The process's umask, which can only be read by setting it."""
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _reason(error: Exception) -> str:
    """What the system says, without the file name it repeats."""
    return getattr(error, "strerror", None) or str(error)


@contextmanager
def each(inputs: list[str]) -> Iterator[list[int]]:
    """Collect exit codes of several inputs; the caller appends, the worst one ends the command."""
    codes: list[int] = []
    yield codes
    if any(codes):
        import typer

        raise typer.Exit(max(codes))
