"""Limits of aiohttp's HTTP parser, and the problem of a request that it refuses."""

from aiohttp.http_exceptions import InvalidURLError, LineTooLong

from .output.problems import HttpProblem

MAX_LINE_BYTES = 8192
MAX_HEADER_BYTES = 8190  # another number than that of the request line: it tells which of them was too long
MAX_HEADERS = 128
# aiohttp's limits, and no decompression: `read_body` does that, and knows the request if it fails.
LIMITS = {
    "max_line_size": MAX_LINE_BYTES,
    "max_field_size": MAX_HEADER_BYTES,
    "max_headers": MAX_HEADERS,
    "auto_decompress": False,
}


def parser_problem(error: BaseException) -> HttpProblem:
    """The problem of a request that the parser has refused, or whose head came too late."""
    if isinstance(error, HttpProblem):
        return error
    if isinstance(error, LineTooLong) and error.args[1] == MAX_LINE_BYTES:
        return HttpProblem(414, "uri_too_long", f"The address has more than {MAX_LINE_BYTES} bytes.")
    if isinstance(error, LineTooLong):
        return HttpProblem(431, "headers_too_large", f"A header has more than {MAX_HEADER_BYTES} bytes.")
    if str(getattr(error, "message", "")).startswith("Too many headers"):
        return HttpProblem(431, "headers_too_large", f"The request has more than {MAX_HEADERS} headers.")
    if isinstance(error, InvalidURLError):
        return HttpProblem(400, "malformed_request", "The address in the request line cannot be read.")
    reason = str(getattr(error, "message", error)).split("\n", 1)[0].rstrip(":.")
    return HttpProblem(400, "malformed_request", f"This is not an HTTP/1.1 request: {reason}.")
