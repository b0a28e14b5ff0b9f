"""The head of an HTTP request, and nothing of what else HTTP may be: no body, one request a connection.

Whatever is not exactly as a browser or curl says it is refused.
"""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import parse_qsl, urlsplit

MOST_BYTES = 8192  # of a head
_MOST_HEADERS = 64
_METHODS = ("GET", "POST")
_ONCE = ("host", "origin", "x-nio-token", "authorization", "sec-fetch-site")


class Refusal(Exception):
    """The answer to a request that gets none: a status and a sentence."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status: int = status


@dataclass(frozen=True)
class Request:
    """``path`` without the query, ``query`` by name, ``headers`` by their names in small letters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


def parse(head: bytes) -> Request:
    """The request of a head, without its last empty line; Refusal for what is none."""
    try:
        first, *lines = head.decode("ascii").split("\r\n")
    except UnicodeDecodeError:
        raise Refusal(400, "a head of a request is ASCII") from None
    words = first.split(" ")
    if len(words) != 3 or words[2] not in ("HTTP/1.1", "HTTP/1.0") or not words[1].startswith("/"):
        raise Refusal(400, "this is no request")
    if words[0] not in _METHODS:
        raise Refusal(405, "GET, or POST where something is to be done")
    try:
        parts = urlsplit(words[1])
        query = dict(parse_qsl(parts.query, max_num_fields=16))
    except ValueError:
        raise Refusal(400, "this is no address") from None
    return Request(words[0], parts.path, query, _headers(lines))


def _headers(lines: list[str]) -> dict[str, str]:
    if len(lines) > _MOST_HEADERS:
        raise Refusal(431, f"more than {_MOST_HEADERS} headers")
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        name = name.lower()
        if not colon or not name or name != name.strip():
            raise Refusal(400, "a header is NAME: VALUE")
        if name in headers and name in _ONCE:
            raise Refusal(400, f"{name} twice")
        headers[name] = value.strip()
    return headers
