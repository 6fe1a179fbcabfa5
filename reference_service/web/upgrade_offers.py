"""uvicorn's protocol on httptools, but a request that offers another protocol is answered in this one.

A server may ignore `Upgrade` (RFC 9110, 7.8), and clients that would like HTTP/2 count on it: that of Java sends the
offer with its first request, whatever that is. The parser, though, takes whatever follows such a head for the other
protocol, so that the request would lose its body. So the head is read again without the offer.
"""

from __future__ import annotations

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

_OFFER = frozenset({b"upgrade", b"http2-settings"})


class OffersIgnored(HttpToolsProtocol):
    """Parses requests as if nothing had been offered."""

    def data_received(self, data: bytes) -> None:
        """Take bytes."""
        self._unset_keepalive_if_required()
        while data:
            try:
                self.parser.feed_data(data)
                return
            except httptools.HttpParserUpgrade as offer:
                if self.parser.get_method() == b"CONNECT":  # this is no proxy
                    self.send_400_response("")
                    return
                data = self.head_without_offer() + data[offer.args[0] :]
                self.parser = self.new_parser()
            except httptools.HttpParserError:
                self.send_400_response("")
                return

    def on_headers_complete(self) -> None:
        """Begin a request, unless its head is to be read again."""
        if not self.parser.should_upgrade():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """End a request, unless its head is to be read again."""
        if not self.parser.should_upgrade():
            super().on_message_complete()

    def head_without_offer(self) -> bytes:
        """The head that was read, as bytes."""
        version = self.parser.get_http_version().encode()
        lines = [self.parser.get_method() + b" " + self.url + b" HTTP/" + version]
        lines += [name + b": " + value for name, value in self.headers if name not in _OFFER]
        return b"\r\n".join([*lines, b"", b""])

    def new_parser(self) -> httptools.HttpRequestParser:
        """A parser that is set up as uvicorn does."""
        parser = httptools.HttpRequestParser(self)
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser
