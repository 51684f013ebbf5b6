"""How a Kafka broker is spoken to, in aiokafka's words and in Faust's; passwords are read here and kept nowhere else."""

import ssl
from typing import Any

import faust
from faust.types.auth import CredentialsT

from streams.settings import Security, SettingsError


def aiokafka_options(security: Security) -> dict[str, Any]:
    """Return the arguments of an aiokafka client."""
    options: dict[str, Any] = {"security_protocol": security.protocol}
    if security.protocol.endswith("SSL"):
        options["ssl_context"] = _context(security)
    if security.protocol.startswith("SASL"):
        options |= {
            "sasl_mechanism": security.sasl_mechanism,
            "sasl_plain_username": security.username,
            "sasl_plain_password": _password(security),
        }
    return options


def faust_credentials(security: Security) -> CredentialsT | None:
    """Return the same for Faust's consumer; None is plaintext."""
    encrypted = security.protocol.endswith("SSL")
    if security.protocol.startswith("SASL"):
        context = _context(security) if encrypted else None
        return faust.SASLCredentials(
            username=security.username, password=_password(security), ssl_context=context, mechanism=security.sasl_mechanism
        )
    return faust.SSLCredentials(_context(security)) if encrypted else None


def _context(security: Security) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=None if security.ca_file is None else str(security.ca_file))
        if security.cert_file is not None and security.key_file is not None:
            context.load_cert_chain(security.cert_file, security.key_file)
    except (OSError, ssl.SSLError) as error:
        raise SettingsError(f"PMON_SECURITY_CA_FILE, _CERT_FILE, _KEY_FILE: cannot be used: {type(error).__name__}") from None
    return context


def _password(security: Security) -> str:
    if security.password is not None:
        return security.password.get_secret_value()
    assert security.password_file is not None, "settings see to one of the two"
    try:
        return security.password_file.read_text().strip()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"PMON_SECURITY_PASSWORD_FILE: cannot be read: {type(error).__name__}") from None
