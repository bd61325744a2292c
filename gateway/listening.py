"""Listening sockets: bound once by the parent, inherited by those who serve on them."""

import socket

from gateway.contract import ConfigError


def bind(address: str) -> socket.socket:
    """A listening TCP socket on `HOST:PORT`. Raises ConfigError."""
    host, _, port = address.rpartition(":")
    try:
        found = socket.getaddrinfo(
            host.strip("[]") or None, int(port), type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        listener = socket.create_server(found[0][4][:2], family=found[0][0], backlog=2048)
    except (OSError, ValueError) as error:
        raise ConfigError(f"listen: cannot listen on {address}: {error}; choose a free HOST:PORT") from error
    listener.set_inheritable(True)
    return listener


def url(listener: socket.socket) -> str:
    """The http address of a listening socket."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
