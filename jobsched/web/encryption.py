"""A connection that begins with a TLS handshake, made by the accepting loop without blocking.

The first byte says whether a client speaks TLS at all; before it comes, there is nothing but a
socket. A client has as long for the whole handshake as for the head of a request.
"""

import socket
import ssl
from typing import Any

from jobsched import clock
from jobsched.settings.certificate import Certificate
from jobsched.web.connection import HEAD_SECONDS, IDLE_SECONDS, NOT_YET, Connection
from jobsched.web.refusals import PlainRequest


class EncryptedConnection(Connection):
    """A client's connection under TLS. A fault of the handshake is raised by :meth:`init`.

    OpenSSL does not read ahead of the record that it is asked for, so that what it holds was
    taken as a whole by the last ``recv``, and the loop hears of all the rest.
    """

    def __init__(self, certificate: Certificate, *details: Any) -> None:
        self._certificate = certificate
        self._shaken = False
        self._fault: Exception | None = None
        super().__init__(*details)

    @property
    def patience(self) -> float:
        """How many seconds the client may take: for the handshake, then until it begins."""
        return IDLE_SECONDS if self._shaken else HEAD_SECONDS

    def gather(self) -> bool:
        """Go on with the handshake, then with the head; return whether a thread can go on."""
        try:
            if not self._shaken:
                self._shake_hands()
        except NOT_YET:
            return False  # what the server says in a handshake fits any send buffer
        except (OSError, ValueError, PlainRequest) as error:
            self._fault = error
            return True
        return super().gather()

    def init(self) -> None:
        """Make ready for parsing. Raises: OSError, PlainRequest when there is nothing to parse."""
        if self._fault is not None:
            raise self._fault
        super().init()

    def keep_the_rest(self) -> None:
        """Let the parser have what is decrypted: no poll tells of it."""
        unreader = self.parser.unreader
        if (size := self.sock.pending()) and not unreader.buf.getvalue():
            unreader.unread(self.sock.recv(size))

    def linger(self) -> None:
        """Close from inside the request's thread; at once where no answer can be read."""
        if self._fault is not None and not isinstance(self._fault, PlainRequest):
            self.close()
        self._take_leave()
        super().linger()

    def close(self, graceful: bool = False) -> None:
        """Close at once; never blocks, never raises."""
        self._take_leave()
        super().close(graceful)

    def _shake_hands(self) -> None:
        if not isinstance(self.sock, ssl.SSLSocket):
            if self.sock.recv(1, socket.MSG_PEEK).isalpha():
                raise PlainRequest
            self.sock = self._certificate.context.wrap_socket(
                self.sock, server_side=True, do_handshake_on_connect=False
            )
        self.sock.do_handshake()
        self._shaken = True
        self.timeout = clock.monotonic() + self.patience

    def _take_leave(self) -> None:
        """Tell the client that nothing was cut off (close_notify), if it still listens."""
        if not self._shaken or self._closed:
            return
        try:
            self.sock.setblocking(False)
            self.sock.unwrap()
        except (OSError, ValueError):
            return
