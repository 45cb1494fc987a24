"""Our own certificate: made once, kept private, renewed when it must be, trusted when it is given."""

import ssl
import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from aizuchi.errors import ConfigError
from aizuchi.server.tls import LIFETIME, given, lan_addresses, own_certificate, qr


def test_it_names_this_machine(tmp_path: Path):
    """The certificate is for localhost, loopback and the addresses given, within what phones accept."""
    tls = own_certificate(tmp_path / "tls", ["192.168.1.5", "fd00::5"])
    made = x509.load_pem_x509_certificate(tls.cert.read_bytes())
    names = made.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "localhost" in names.get_values_for_type(x509.DNSName)
    addresses = {str(each) for each in names.get_values_for_type(x509.IPAddress)}
    assert addresses == {"127.0.0.1", "::1", "192.168.1.5", "fd00::5"}
    assert made.not_valid_after_utc - made.not_valid_before_utc <= timedelta(days=398)
    assert tls.own


def test_it_works(tmp_path: Path):
    """Client and server contexts made from it shake hands and check the name."""
    tls = own_certificate(tmp_path, [])
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server.load_cert_chain(tls.cert, tls.key)
    client = ssl.create_default_context(cafile=str(tls.cert))
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    near = client.wrap_bio(to_client, to_server, server_hostname="localhost")
    far = server.wrap_bio(to_server, to_client, server_side=True)
    done: set[str] = set()
    for _ in range(6):
        for name, side in (("near", near), ("far", far)):
            try:
                side.do_handshake()
                done.add(name)
            except ssl.SSLWantReadError:
                pass
    assert done == {"near", "far"}


def test_it_is_kept(tmp_path: Path):
    """A second start finds the same certificate; an address it lacks, or old age, makes a new one."""
    now = datetime.now(UTC)
    first = own_certificate(tmp_path, ["192.168.1.5"], now=now).cert.read_bytes()
    assert own_certificate(tmp_path, ["192.168.1.5"], now=now).cert.read_bytes() == first
    assert own_certificate(tmp_path, [], now=now).cert.read_bytes() == first, "one address less does no harm"
    second = own_certificate(tmp_path, ["192.168.1.6"], now=now).cert.read_bytes()
    assert second != first
    later = now + LIFETIME - timedelta(days=10)
    assert own_certificate(tmp_path, ["192.168.1.6"], now=later).cert.read_bytes() != second


@pytest.mark.parametrize("name", ["cert.pem", "key.pem"])
@pytest.mark.parametrize("content", [b"", b"nonsense", None])
def test_spoiled_files_are_replaced(tmp_path: Path, name: str, content: bytes | None):
    """A missing or unreadable file is made anew, together with its partner."""
    tls = own_certificate(tmp_path, [])
    path = tmp_path / name
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    assert own_certificate(tmp_path, []) == tls
    given(tls.cert, tls.key)


def test_a_strange_key_is_noticed(tmp_path: Path):
    """A key of another certificate is not kept."""
    tls = own_certificate(tmp_path / "a", [])
    other = own_certificate(tmp_path / "b", [])
    tls.key.write_bytes(other.key.read_bytes())
    own_certificate(tmp_path / "a", [])
    given(tls.cert, tls.key)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows guards the profile folder instead")
def test_the_key_is_private(tmp_path: Path):
    """Nobody else may read the key or look into its folder."""
    tls = own_certificate(tmp_path / "tls", [])
    assert stat.S_IMODE(tls.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(tls.key.parent.stat().st_mode) == 0o700


def test_an_unusable_folder_is_one_sentence(tmp_path: Path):
    """Where nothing can be written the user is told."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(ConfigError, match="no certificate can be kept"):
        own_certificate(tmp_path / "file" / "tls", [])


def test_given_files(tmp_path: Path):
    """A pair that fits is taken; a missing file or a wrong pair is one sentence."""
    one, two = own_certificate(tmp_path / "a", []), own_certificate(tmp_path / "b", [])
    assert not given(one.cert, one.key).own
    with pytest.raises(ConfigError, match="is not a file"):
        given(tmp_path / "none.pem", one.key)
    with pytest.raises(ConfigError, match="can't be used together"):
        given(one.cert, two.key)


def test_lan_addresses_can_be_reached():
    """No loopback, link-local or wildcard address is ever told to a phone."""
    for each in lan_addresses():
        assert not each.startswith(("127.", "169.254.", "fe80")) and each not in ("::1", "0.0.0.0", "::")


def test_qr_is_square_text():
    """The code is text of equal lines that a terminal can show."""
    lines = qr("https://192.168.1.5:12393/").splitlines()
    assert len(lines) > 10 and len({len(line) for line in lines if line.strip()}) <= 2
