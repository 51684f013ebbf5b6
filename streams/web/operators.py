"""Who may act from the page: people with a token of their own. Whether they may do what they ask is the monitor's to say, by their roles.

token file   one person a line, NAME TOKEN; `#` begins a comment
cookie       person.expiry.MAC; the key of the MAC is the hash of the person's token, so every worker knows the session, a restart
             ends none and a new token ends the person's own
form field   a MAC over the cookie: a form that no page of ours wrote does not carry it
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from streams.settings import SettingsError

LEAST = 16  # characters of a token: shorter ones are guessed
SESSION_S = 12 * 3_600  # a shift
VARIABLE = "PMON_OPERATORS_FILE"


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks at the page, and what their forms carry."""

    person: str
    form_token: str


class Operators:
    """The people who may sign in. `hint` is shown where they do: a demo says there how to."""

    def __init__(self, tokens: Mapping[str, str] | None = None, hint: str = "") -> None:
        self.hint = hint
        self._keys = {person: sha256(token.encode()).digest() for person, token in (tokens or {}).items()}

    def __bool__(self) -> bool:
        return bool(self._keys)

    def admitted(self, name: str, token: str) -> str | None:
        """Return the person of that name, in whatever case it is written, where the token is theirs."""
        key = sha256(token.encode("utf-8", "replace")).digest()
        found = [person for person, known in self._keys.items() if hmac.compare_digest(key, known) and person.casefold() == name.casefold()]
        return found[0] if found else None

    def session(self, person: str, now_s: int) -> str:
        """Return the cookie of a new session."""
        told = f"{_coded(person)}.{now_s + SESSION_S}"
        return f"{told}.{self._mac(person, told)}"

    def viewer(self, cookie: str | None, now_s: int) -> Viewer | None:
        """Return who a cookie stands for, None for one that is nobody's, over, or written by others."""
        told, _, mac = (cookie or "").rpartition(".")
        name, _, expiry = told.partition(".")
        person = _decoded(name)
        if person not in self._keys or not expiry.isdecimal() or not now_s < int(expiry) <= now_s + SESSION_S:
            return None
        if not hmac.compare_digest(mac.encode(), self._mac(person, told).encode()):
            return None
        return Viewer(person, self._mac(person, f"form {cookie}"))

    def _mac(self, person: str, text: str) -> str:
        return hmac.new(self._keys[person], text.encode(), sha256).hexdigest()


def read_operators(path: Path | None) -> Operators:
    """Return the operators of a token file, nobody without one; raises SettingsError with the line, never with a token."""
    if path is None:
        return Operators()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise SettingsError(f"{VARIABLE}: {path} cannot be read: {type(error).__name__}") from None
    tokens: dict[str, str] = {}
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or text.startswith("#"):
            continue
        person, _, token = text.rpartition(" ")
        person = person.strip()
        if not person or len(token) < LEAST:
            raise SettingsError(f"{VARIABLE}: line {number} must be NAME TOKEN, the token of at least {LEAST} characters and no space")
        if person in tokens or token in tokens.values():
            raise SettingsError(f"{VARIABLE}: line {number} names a person or a token a second time")
        tokens[person] = token
    return Operators(tokens)


def _coded(text: str) -> str:
    return urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decoded(text: str) -> str:
    try:
        return urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
    except ValueError:
        return ""
