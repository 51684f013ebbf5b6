"""What differs between two places pmon runs in: the PMON_* environment, read once. What it should judge is config, not this."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as NotParsedError

PREFIX = "PMON_"
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
RULES = {  # pydantic's words that do not say what would be right
    "int_parsing": "must be a whole number",
    "bool_parsing": "must be true or false",
    "extra_forbidden": "is no setting",
}


class SettingsError(ValueError):
    """The environment cannot be used; one line for each fault: the variable and what would be right, never its value."""


def _broker(text: str) -> str:
    if text == "mem://":
        return text
    scheme, _, hosts = text.partition("://")
    if scheme != "kafka" or not all(_host_and_port(host) for host in hosts.split(";")):
        raise ValueError("must be mem:// or kafka://host:port;host:port")
    return text


def _host_and_port(text: str) -> bool:
    host, _, port = text.rpartition(":")
    return bool(host) and "@" not in host and "/" not in host and port.isdecimal() and 0 < int(port) < 65_536


def _redis(secret: SecretStr) -> SecretStr:
    text = secret.get_secret_value()
    if text not in ("embedded", "off") and text.partition("://")[0] not in ("redis", "rediss", "unix"):
        raise ValueError("must be embedded, off, or an address such as redis://host:6379/0")
    return secret


class _Environment(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, hide_input_in_errors=True)


class Security(_Environment):
    """How the broker is spoken to; a password may stand in a file instead of the environment."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}SECURITY_")

    protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    ca_file: Path | None = None
    cert_file: Path | None = None
    key_file: Path | None = None
    sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    username: str | None = None
    password: SecretStr | None = None
    password_file: Path | None = None
    allow_plaintext: bool = False  # else a broker that is not on this machine is spoken to encrypted only

    @model_validator(mode="after")
    def _names_who(self) -> Self:
        if self.protocol.startswith("SASL") and (self.username is None or (self.password is None) == (self.password_file is None)):
            raise ValueError("USERNAME and either PASSWORD or PASSWORD_FILE are needed with a SASL protocol")
        if (self.cert_file is None) != (self.key_file is None):
            raise ValueError("CERT_FILE and KEY_FILE are given together or not at all")
        return self


class Settings(_Environment):
    """Every PMON_* setting with its default; flags given by name override the environment. Secrets are in no repr."""

    model_config = SettingsConfigDict(env_prefix=PREFIX)

    config: Path | None = None
    broker: Annotated[str, AfterValidator(_broker)] = "mem://"
    redis: Annotated[SecretStr, AfterValidator(_redis)] = SecretStr("embedded")  # an address may hold a password
    partitions: Annotated[int, Field(ge=1, le=10_000)] = 8
    clock: Literal["wall", "log"] = "wall"
    url: Annotated[str, Field(pattern=r"^https?://[^\s@]+$")] = "http://127.0.0.1:6066"
    state_dir: Path | None = None
    topic_prefix: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{0,100}$")] = ""
    group: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]{1,200}$")] = "pmon"
    web_host: str = "127.0.0.1"
    web_port: Annotated[int, Field(ge=0, le=65_535)] = 6066
    subject_key_file: Path | None = None
    operators_file: Path | None = None
    security: Security = Field(default_factory=Security)

    @model_validator(mode="after")
    def _is_safe(self) -> Self:
        if self.broker == "mem://":
            return self
        if self.subject_key_file is None:
            raise ValueError("SUBJECT_KEY_FILE is needed with a kafka:// broker: the file whose bytes subject ids are hashed with")
        plain = self.security.protocol in ("PLAINTEXT", "SASL_PLAINTEXT") and not self.security.allow_plaintext
        hosts = [address.rpartition(":")[0] for address in self.broker.removeprefix("kafka://").split(";")]
        if plain and not all(host in LOOPBACK for host in hosts):
            raise ValueError("SECURITY_PROTOCOL must be SSL or SASL_SSL for a broker on another machine, or SECURITY_ALLOW_PLAINTEXT true")
        return self


def read_settings(**flags: Any) -> Settings:
    """Return the settings of this environment; flags that are not None override it. Raises SettingsError."""
    try:
        security = Security()
    except ValidationError as error:
        raise SettingsError(_told(error, f"{PREFIX}SECURITY_")) from None
    try:
        return Settings(**{"security": security} | {name: value for name, value in flags.items() if value is not None})
    except ValidationError as error:
        raise SettingsError(_told(error, PREFIX)) from None
    except NotParsedError:  # a variable PMON_SECURITY itself: pydantic takes it for the whole section as JSON
        raise SettingsError(f"{PREFIX}SECURITY: is no setting; its parts are, such as {PREFIX}SECURITY_PROTOCOL") from None


def _told(error: ValidationError, prefix: str) -> str:
    lines = []
    for detail in error.errors(include_url=False, include_input=False):
        if not detail["loc"]:  # a rule over several settings names them itself
            lines.append(prefix + detail["msg"].removeprefix("Value error, "))
            continue
        name = prefix + str(detail["loc"][0]).removeprefix(prefix.lower()).upper()
        lines.append(f"{name}: {RULES.get(detail['type']) or _rule(detail['msg'])}")
    return "\n".join(lines)


def _rule(message: str) -> str:
    text = message.removeprefix("Value error, ").replace("Input should ", "must ")
    return text[:1].lower() + text[1:]
