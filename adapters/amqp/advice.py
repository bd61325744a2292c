"""What an operator can do about a broker that does not do what was asked."""

from adapters.amqp.channel import Lost
from gateway.contract import UnderstudyError

REFUSED, NOT_ALLOWED = 403, 530


def advised(error: UnderstudyError) -> str:
    """What is wrong, and what to do about it."""
    code, text = getattr(error, "code", 0), str(error)
    if code == REFUSED and "Login" in text:
        what = "check `user` and `password`"
    elif code == REFUSED:
        what = "the user needs the rights to configure, write and read there"
    elif code == NOT_ALLOWED:
        what = "check `vhost`, and whether the user may use it"
    elif "SSL" in text:
        what = "check `tls`; amqps:// is for a port that speaks TLS, amqp:// for one that does not"
    elif isinstance(error, Lost) and error.unreachable:
        what = "check `addresses`, and whether the broker runs"
    else:
        what = "run it again"
    return f"{text}; {what}"
