"""TLS as the connection string asks for it: checked certificates, and words where they do not fit.

The embedded server is built without TLS, so a terminator that speaks PostgreSQL's SSLRequest stands before it, as
poolers and cloud proxies do.
"""

import contextlib
import datetime
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import sqlalchemy
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import conninfo
from pydantic import SecretStr

from ml_assets.database.connection import connect, sqlalchemy_url
from ml_assets.errors import UserError
from ml_assets.settings.shop import Settings

# https://www.postgresql.org/docs/current/protocol-message-formats.html, SSLRequest
SSL_REQUEST = struct.pack("!ii", 8, 80877103)


@dataclass(frozen=True)
class Certificates:
    """A server's certificate for localhost, the authority that signed it, and one that did not."""

    server: Path
    authority: Path
    stranger: Path


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _certificate(
    subject: str, key: ec.EllipticCurvePrivateKey, issuer: str, signer: ec.EllipticCurvePrivateKey
) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(_name(subject)).issuer_name(_name(issuer))
    builder = builder.public_key(key.public_key()).serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(now - datetime.timedelta(1)).not_valid_after(now + datetime.timedelta(1))
    authority = x509.BasicConstraints(ca=subject == issuer, path_length=None)
    names = x509.SubjectAlternativeName([x509.DNSName(subject)])
    signed = builder.add_extension(authority, critical=True).add_extension(names, critical=False)
    return signed.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Certificates:
    folder = tmp_path_factory.mktemp("certificates")
    key, authority, stranger = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    made = Certificates(folder / "server.pem", folder / "authority.pem", folder / "stranger.pem")
    made.server.write_bytes(secret + _certificate("localhost", key, "authority", authority))
    made.authority.write_bytes(_certificate("authority", authority, "authority", authority))
    made.stranger.write_bytes(_certificate("stranger", stranger, "stranger", stranger))
    return made


@contextmanager
def terminator(url: str, certificate: Path | None) -> Iterator[int]:
    """The port of a terminator before the server; without a certificate it refuses TLS as a plain server does."""
    context = None
    if certificate is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    parts = conninfo.conninfo_to_dict(url)
    behind = f"{parts['host']}/.s.PGSQL.{parts['port']}"
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_accept, args=(listener, context, behind))
        thread.start()
        yield listener.getsockname()[1]
        listener.shutdown(socket.SHUT_RDWR)
        thread.join()


def _accept(listener: socket.socket, context: ssl.SSLContext | None, behind: str) -> None:
    with contextlib.suppress(OSError):
        while True:
            client, _ = listener.accept()
            threading.Thread(target=_serve, args=(client, context, behind), daemon=True).start()


def _serve(client: socket.socket, context: ssl.SSLContext | None, behind: str) -> None:
    with contextlib.suppress(OSError), client:
        if client.recv(8, socket.MSG_WAITALL) == SSL_REQUEST:
            client.sendall(b"S" if context else b"N")
        if context is not None:
            with context.wrap_socket(client, server_side=True) as outer, socket.socket(socket.AF_UNIX) as inner:
                inner.connect(behind)
                back = threading.Thread(target=_pump, args=(inner, outer))
                back.start()
                _pump(outer, inner)
                back.join()


def _pump(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def over_tls(url: str, port: int, host: str = "localhost", **parameters: object) -> Settings:
    """Settings whose database is reached through the terminator."""
    database = conninfo.conninfo_to_dict(url)["dbname"]
    query = "&".join(f"{key}={value}" for key, value in parameters.items())
    address = f"postgresql://postgres@{host}:{port}/{database}?hostaddr=127.0.0.1&{query}"
    return Settings(database_url=SecretStr(address))


def test_a_certificate_that_is_checked_in_full_is_accepted_by_us_and_by_dagsters_storage(
    postgres_url: str, certificates: Certificates
) -> None:
    with terminator(postgres_url, certificates.server) as port:
        shop = over_tls(postgres_url, port, sslmode="verify-full", sslrootcert=certificates.authority)
        with connect(shop) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
        engine = sqlalchemy.create_engine(sqlalchemy_url(shop))
        with engine.connect() as dagster:
            assert dagster.exec_driver_sql("SELECT current_schema()").scalar() == "dagster"
            assert dagster.connection.dbapi_connection.info.ssl_in_use  # type: ignore[union-attr]
        engine.dispose()


@pytest.mark.parametrize(
    ("host", "root", "words"),
    [
        ("localhost", "stranger", "its TLS certificate do not go together.*verify failed"),
        ("db.example", "authority", 'certificate for "localhost".*does not match host name "db.example"'),
    ],
)
def test_a_certificate_of_a_stranger_or_for_another_host_is_refused(
    postgres_url: str, certificates: Certificates, host: str, root: str, words: str
) -> None:
    with terminator(postgres_url, certificates.server) as port:
        shop = over_tls(postgres_url, port, host, sslmode="verify-full", sslrootcert=getattr(certificates, root))
        with pytest.raises(UserError, match=words) as caught, connect(shop):
            pass
        assert "sslrootcert" in caught.value.next_step


def test_a_server_without_tls_is_refused_where_tls_is_asked_for(postgres_url: str) -> None:
    with terminator(postgres_url, None) as port:
        shop = over_tls(postgres_url, port, sslmode="require")
        with pytest.raises(UserError, match="offers no TLS"), connect(shop):
            pass
