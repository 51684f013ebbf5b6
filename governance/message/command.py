"""What a person or a program asks the monitor to do, answered on `reports` under the same request id."""

from typing import Annotated, Literal, Self

from pydantic import ConfigDict, JsonValue, StringConstraints, model_validator

from governance.message.alert_threshold import AlertThreshold, Condition, parse_alert_threshold
from governance.message.field import Incoming, MachineId, Name, Text, invalid, missing, needs, when
from governance.message.instant import Instant
from governance.message.report_window import ReportWindow, WindowText, parse_report_window

CommandName = Literal["report", "acknowledge", "resolve", "log_remediation", "silence", "sign_off", "set_availability"]
Detail = Literal["summary", "full"]
ReportDimension = Literal["profile", "channel", "cohort", "variant"]
TopicName = Annotated[str, StringConstraints(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
EVERYWHERE = "*"  # the initiative of a command that is for every shard
ABOUT_AN_INCIDENT = frozenset({"acknowledge", "resolve", "log_remediation", "silence", "sign_off"})
NEEDED = {"silence": ("until",), "log_remediation": ("note",), "set_availability": ("person", "available")}
_ABOUT: JsonValue = {"anyOf": [{"required": [name], "properties": {name: {"type": "string"}}} for name in ("incident_id", "report_id")]}
_ONE: JsonValue = {"properties": {"initiative": {"not": {"const": EVERYWHERE}}}}
_RULES: list[JsonValue] = [
    when("command", ABOUT_AN_INCIDENT, _ABOUT),
    when("command", ABOUT_AN_INCIDENT | {"report"}, _ONE),
    *(needs("command", [command], fields) for command, fields in NEEDED.items()),
]


class Command(Incoming):
    """One record of `monitor-commands`; the key is `initiative`. Fields of other commands than the one named are ignored."""

    model_config = ConfigDict(json_schema_extra={"allOf": _RULES})

    request_id: MachineId
    command: CommandName
    requested_at: Instant
    requested_by: Name
    initiative: Name
    window: WindowText = "14d"
    detail: Detail = "full"
    dimension: ReportDimension | None = None
    alert_threshold: AlertThreshold | None = None
    reply_to: TopicName | None = None
    incident_id: MachineId | None = None
    report_id: MachineId | None = None
    note: Text | None = None
    until: Instant | None = None
    person: Name | None = None
    available: bool | None = None

    @property
    def report_window(self) -> ReportWindow:
        """Return the period asked for."""
        return parse_report_window(self.window)

    @property
    def conditions(self) -> tuple[Condition, ...]:
        """Return the thresholds asked for, none where there is no `alert_threshold`."""
        return parse_alert_threshold(self.alert_threshold) if self.alert_threshold is not None else ()

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> Self:
        if self.initiative == EVERYWHERE and self.command != "set_availability":
            raise invalid("initiative", "must name one initiative: * is for set_availability only")
        if self.command in ABOUT_AN_INCIDENT and self.incident_id is None and self.report_id is None:
            raise missing("incident_id")
        for field in NEEDED.get(self.command, ()):
            if getattr(self, field) is None:
                raise missing(field)
        return self


