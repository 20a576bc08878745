"""The asyncio shell that receives a file over WebRTC or HTTP."""
