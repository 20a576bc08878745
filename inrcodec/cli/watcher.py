"""What `inrcodec receive` does with every image on the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from inrcodec.cli import console
from inrcodec.errors import OptionError, OutputError

if TYPE_CHECKING:
    from inrcodec.pixels import Picture
    from inrcodec.streaming import ReceivedFrame


class Watcher:
    """Shows, measures and writes every image on the way."""

    def __init__(
        self,
        folder: str | None,
        original: Picture | None,
        decibels: float | None,
        quiet: bool,
        force: bool,
        output: str | None = None,
    ) -> None:
        self._output = output
        self._folder, self._original = folder, original
        self._decibels, self._quiet, self._force = decibels, quiet, force
        self.best: ReceivedFrame | None = None
        self.rows: list[dict[str, Any]] = []
        if folder is not None:
            try:
                Path(folder).mkdir(parents=True, exist_ok=True)
                if not force and any(Path(folder).iterdir()):
                    raise OutputError(f"{folder}: is not empty; use --force to write there")
            except OSError as error:
                raise OutputError(f"{folder}: cannot be made: {error.strerror}") from None

    async def take(self, frame: ReceivedFrame) -> bool:
        """Take a frame; return whether it is good enough. Raises `OptionError` for a first frame
        that the output cannot hold."""
        from inrcodec.streaming.transport.threads import in_thread

        return self._note(frame, *await in_thread(self._looked_at, frame))

    def _looked_at(self, frame: ReceivedFrame) -> tuple[float | None, bytes]:
        """Return (PSNR in dB, file of the image for the folder), as far as they are asked for."""
        from inrcodec.pixels import psnr

        if self.best is None and self._output is not None and not is_ours(self._output):
            content(frame, self._output)  # a later one of this size can be written, too
        shown, before = frame.picture.pixels, self.best
        value = None
        if self._original is not None and self._original.pixels.shape == shown.shape:
            value = psnr(self._original.pixels, shown)
        elif self._original is not None:
            raise OptionError("the reference has another size than the image")
        elif before is not None and self._decibels is not None:
            value = psnr(before.picture.pixels, shown)
        return value, b"" if self._folder is None else content(frame, "image.png")

    def _note(self, frame: ReceivedFrame, value: float | None, image: bytes) -> bool:
        """Keep, write and show a frame; return whether it is good enough."""
        self.best = frame
        row: dict[str, Any] = {
            "elapsed_s": round(frame.elapsed_s, 4),
            "layers": frame.layers,
            "of": frame.total_layers,
            "received_bytes": frame.received_bytes,
            "psnr_db": value,
        }
        if self._folder is not None:
            name = f"{len(self.rows) + 1:02d}-{frame.layers}of{frame.total_layers}.png"
            path = str(Path(self._folder) / name)
            console.write_output(path, image, force=self._force)
            row["file"] = path
        self.rows.append(row)
        if not self._quiet:
            measured = "" if value is None else f", {value:.2f} dB"
            console.note(
                f"{frame.elapsed_s:7.3f} s  layer {frame.layers} of {frame.total_layers}, "
                f"{frame.received_bytes} bytes{measured}"
            )
        return self._decibels is not None and value is not None and value >= self._decibels


def is_ours(path: str) -> bool:
    """Whether a name is that of an .inr file."""
    from inrcodec.files import EXTENSIONS

    return Path(path).suffix.lower() in EXTENSIONS


def content(frame: ReceivedFrame, path: str) -> bytes:
    """Return what to write under this name."""
    from inrcodec.images.writing import image_bytes, image_format

    if is_ours(path):
        if frame.data is None:
            raise OutputError(f"{path}: the file is not whole; write an image instead")
        return frame.data
    return image_bytes(frame.picture, "PNG" if path == "-" else image_format(path))
