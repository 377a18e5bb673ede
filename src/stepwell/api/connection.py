"""The HTTP connection: uvicorn's, with a bound on what a client may send before its request begins.

A request's line and headers are parsed before anybody knows who sends them, and nothing else limits their size.
"""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 65_536


class BoundedConnection(HttpToolsProtocol):
    """Answers 400 and closes once a head has not ended after `HEAD_BYTES_MAX` and the packet that it began in."""

    _in_head = True
    _head_bytes = 0

    def data_received(self, data: bytes) -> None:
        self._head_bytes += len(data)
        super().data_received(data)
        if self._in_head and self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The request's line and headers are too large.")

    def on_message_begin(self) -> None:
        self._in_head, self._head_bytes = True, 0
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._in_head = False
        super().on_headers_complete()
