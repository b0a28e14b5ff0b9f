"""Whom the page answers: the one who was told its address, and a browser only where that one types it.

A page of a stranger, open in the same browser, can send requests to loopback. So each request but ``/healthz`` must
carry a token that only the printed address has. It must name this server as its host: with another name, a stranger's
name has been made to point here (DNS rebinding). A request of another page says so in ``Origin`` and
``Sec-Fetch-Site``. What changes anything needs the token in a header, which no form and no picture can send.
"""

from __future__ import annotations

import hmac

from nio.inspector._request import Refusal, Request

_LOCAL = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """Judges requests: ``token`` is the secret, ``hosts`` the names beside those of loopback."""

    def __init__(self, token: str, hosts: tuple[str, ...] = ()) -> None:
        self.token: str = token
        self._hosts = (*_LOCAL, *hosts)

    def check(self, request: Request, here: str, port: int) -> None:
        """Refusal, 403, for who is not welcome; ``here`` is the address that the client has reached."""
        names = {f"{name}:{port}" for name in (*self._hosts, here)}
        if request.headers.get("host", "").lower() not in names:
            raise Refusal(403, "this is not the host you asked for: open the address that was printed")
        origin = request.headers.get("origin")
        if origin is not None and origin.lower() not in {f"http://{name}" for name in names}:
            raise Refusal(403, "another page's request")
        if request.path != "/healthz" and not self._knows(request):
            raise Refusal(403, "wrong token: open the address that was printed, with its token")
        if request.method == "POST":
            self._check_change(request)

    def _knows(self, request: Request) -> bool:
        bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
        offered = request.query.get("token") or request.headers.get("x-nio-token") or bearer
        return self._is_token(offered)

    def _check_change(self, request: Request) -> None:
        if not self._is_token(request.headers.get("x-nio-token", "")):
            raise Refusal(403, "POST needs the token in X-Nio-Token")
        if request.headers.get("sec-fetch-site") != "same-origin":
            raise Refusal(403, "POST needs Sec-Fetch-Site: same-origin, which the page's own browser says")

    def _is_token(self, offered: str) -> bool:
        return hmac.compare_digest(offered.encode(), self.token.encode())
