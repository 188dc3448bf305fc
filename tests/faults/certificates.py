"""Certificates for tests of TLS, made by openssl."""

import subprocess
from dataclasses import dataclass
from pathlib import Path

NEW = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "2"]
LEAF = ["-addext", "basicConstraints=critical,CA:FALSE"]


@dataclass(frozen=True, slots=True)
class Certificates:
    """Files of an authority, of a server whose name is localhost, of a client, and of an authority that signed none."""

    folder: Path

    @property
    def authority(self) -> Path:
        """The authority's certificate."""
        return self.folder / "authority.pem"

    @property
    def stranger(self) -> Path:
        """Another authority's certificate."""
        return self.folder / "stranger.pem"

    def pair(self, name: str) -> tuple[Path, Path]:
        """The certificate and the key of `server` or `client`."""
        return self.folder / f"{name}.pem", self.folder / f"{name}.key"


def make_certificates(folder: Path, client: str) -> Certificates:
    """Make them in an empty folder; the client's certificate names a role of PostgreSQL."""
    made = Certificates(folder)
    for name in ("authority", "stranger"):
        _make(made, name, ["-subj", f"/CN={name}"])
    signed = ["-CA", str(made.authority), "-CAkey", str(folder / "authority.key"), *LEAF]
    _make(made, "server", [*signed, "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"])
    _make(made, "client", [*signed, "-subj", f"/CN={client}"])
    return made


def _make(made: Certificates, name: str, options: list[str]) -> None:
    certificate, key = made.pair(name)
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*NEW, *files, *options], check=True, capture_output=True)
    key.chmod(0o600)
