"""What server and client share: WebRTC peer connections, and what is said over HTTP."""
