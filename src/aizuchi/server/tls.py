"""https and wss without a certificate authority: a certificate of our own, made on first use.

A phone's browser gives its microphone only to pages that came encrypted. So that talking to one's own
computer works at home, the server makes a key and a certificate that names this machine and its
addresses, keeps both in the data folder, and makes new ones when they run out or the addresses change.
The user confirms it once in the browser.
"""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

from aizuchi.errors import ConfigError
from aizuchi.server.origin import own_names

LIFETIME = timedelta(days=397)
"""The longest that today's phones accept."""
RENEW = timedelta(days=14)


@dataclass(frozen=True, slots=True)
class Tls:
    """A certificate chain and its key, both PEM."""

    cert: Path
    key: Path
    own: bool = False
    """Made here, so browsers warn once."""


def given(cert: Path, key: Path) -> Tls:
    """A certificate the user brought. Raises ConfigError if the pair does not fit together."""
    import ssl

    for path in (cert, key):
        if not path.is_file():
            raise ConfigError(f"{path} is not a file; give --cert and --key the two PEM files")
    try:
        ssl.create_default_context(ssl.Purpose.CLIENT_AUTH).load_cert_chain(cert, key)
    except (ssl.SSLError, OSError) as error:
        raise ConfigError(f"{cert.name} and {key.name} can't be used together: {error}") from error
    return Tls(cert, key)


def lan_addresses() -> list[str]:
    """This machine's addresses that its neighbours can reach; may ask the system's name service."""
    found: list[str] = []
    # Connecting a datagram socket sends nothing; it only asks which address would be used.
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((target, 9))
            found.append(probe.getsockname()[0])
    with contextlib.suppress(OSError):
        for info in socket.getaddrinfo(socket.gethostname(), None, type=socket.SOCK_STREAM):
            found.append(str(info[4][0]))
    kept: dict[str, None] = {}
    for each in found:
        address = ipaddress.ip_address(each.partition("%")[0])
        if not (address.is_loopback or address.is_link_local or address.is_unspecified):
            kept[str(address)] = None
    return list(kept)


def own_certificate(folder: Path, addresses: Sequence[str], *, now: datetime | None = None) -> Tls:
    """The certificate in `folder`, made anew when it is missing, soon over, or lacks an address.

    Raises ConfigError when the folder can't be written.
    """
    now = now or datetime.now(UTC)
    names = sorted({"localhost", *own_names()})
    wanted = sorted({"127.0.0.1", "::1", *addresses})
    cert, key = folder / "cert.pem", folder / "key.pem"
    if not _still_good(cert, key, names, wanted, now):
        try:
            _make(cert, key, names, wanted, now)
        except OSError as error:
            raise ConfigError(f"no certificate can be kept in {folder}: {error.strerror or error}") from error
    return Tls(cert, key, own=True)


def _still_good(cert: Path, key: Path, names: Sequence[str], addresses: Sequence[str], now: datetime) -> bool:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        found = x509.load_pem_x509_certificate(cert.read_bytes())
        private = load_pem_private_key(key.read_bytes(), None)
        held = found.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (OSError, ValueError, TypeError, x509.ExtensionNotFound):
        return False
    has = {*held.get_values_for_type(x509.DNSName), *map(str, held.get_values_for_type(x509.IPAddress))}
    return (
        private.public_key() == found.public_key()
        and found.not_valid_before_utc <= now < found.not_valid_after_utc - RENEW
        and has >= {*names, *addresses}
    )


def _make(cert: Path, key: Path, names: Sequence[str], addresses: Sequence[str], now: datetime) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
    from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

    private = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Aizuchi")])
    held = [x509.DNSName(each) for each in names]
    held += [x509.IPAddress(ipaddress.ip_address(each)) for each in addresses]
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now - timedelta(days=1) + LIFETIME)
        .add_extension(x509.SubjectAlternativeName(held), critical=False)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )
    cert.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    _write(key, private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    _write(cert, made.public_bytes(Encoding.PEM))


def _write(path: Path, data: bytes) -> None:
    """Write for the owner's eyes only, and never half. Windows ignores the mode; the profile guards there."""
    draft = path.with_suffix(".new")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(data)
    draft.replace(path)


def qr(url: str) -> str:
    """A QR code of `url` for the terminal, as text."""
    import segno

    out = StringIO()
    segno.make(url, micro=False).terminal(out, compact=True, border=2)
    return out.getvalue()
