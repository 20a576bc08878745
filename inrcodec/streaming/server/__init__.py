"""The asyncio shell that serves files over HTTP and WebRTC."""
