"""The newest frame, from a task that receives to one that decodes: older ones are left out."""

from __future__ import annotations

import asyncio

from inrcodec.streaming.protocol.frame import Frame


class Newest:
    """Holds one frame for one reader. The end, or an error, comes after the last frame."""

    def __init__(self) -> None:
        self._frame: Frame | None = None
        self._error: BaseException | None = None
        self._over = False
        self._there = asyncio.Event()

    def put(self, frame: Frame) -> None:
        """Put a frame in the place of one that nobody has taken."""
        self._frame = frame
        self._there.set()

    def end(self, error: BaseException | None = None) -> None:
        """Say that there will be no other frame, and why, if it is an error."""
        self._over, self._error = True, error
        self._there.set()

    async def get(self) -> Frame | None:
        """Wait for a frame and take it; None at the end. Raises the error."""
        await self._there.wait()
        frame, self._frame = self._frame, None
        if not self._over:
            self._there.clear()
        elif frame is None and self._error is not None:
            raise self._error
        return frame
