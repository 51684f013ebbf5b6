"""What the monitor publishes: the `data` of every output event, and the envelope around it.

The kernel builds these as plain values; the models are the contract that its tests, the schemas and consumers hold it to.
A consumer of `incidents` drops an event whose `sequence` is not above the last it saw for that incident.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, StringConstraints

from governance.message.alert_threshold import KPI_NAME
from governance.message.field import Count, MachineId, Name, Outgoing, Sha256
from governance.message.refusal import RefusalCode

Time = Annotated[
    str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"), Field(description="RFC 3339 UTC with milliseconds")
]
Uuid = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")]
PLAIN_CHECKS = (
    "dip",
    "freshness",
    "suppression",
    "drift",
    "srm",
    "contamination",
    "guardrail",
    "consent_violation",
    "consent_assertion",
    "consent_string",
    "late_evidence",
    "shadow_change",
    "schema_change",
    "refused_input",
    "misrouted",
    "cardinality",
    "stalled",
    "job_failed",
    "storm",
    "decision",
)
CHECK_PATTERN = (
    rf"^(threshold:[A-Za-z0-9._:/-]{{1,128}}|policy:[A-Za-z0-9._:/-]{{1,128}}|request:{KPI_NAME}(<=|>=|<|>)-?[0-9.e+-]+|{'|'.join(PLAIN_CHECKS)})$"
)
Check = Annotated[str, StringConstraints(pattern=CHECK_PATTERN)]
Severity = Literal["info", "warning", "high", "critical"]
Level = Annotated[int, Field(ge=1, le=3)]
Verdict = Literal[
    "valid",
    "withdrawn",
    "refused",
    "revoked",
    "expired",
    "invalidated",
    "no_record",
    "history_truncated",
    "undetermined",
    "not_applicable",
]
IncidentState = Literal["open", "acknowledged", "resolved", "closed", "retracted"]
IncidentStep = Literal[
    "opened",
    "occurrence",
    "acknowledged",
    "escalated",
    "reassigned",
    "remediation_logged",
    "silenced",
    "resolved",
    "reopened",
    "closed",
    "retracted",
]
RoleName = Literal["testing_lead", "personalization_architect", "data_privacy_lead"]
Figure = Annotated[float, Field(allow_inf_nan=False)]


class Window(Outgoing):
    """A half-open span of event time."""

    start: Time
    end: Time


# What something is about; only the dimensions that apply are there.
Key = dict[Literal["profile", "channel", "cohort", "variant", "rule_id", "experiment_id", "kpi", "verdict", "feed"], str]


class PolicyReference(Outgoing):
    """The policy or config that judged."""

    id: str
    sha256: Sha256


class Position(Outgoing):
    """A record of the log."""

    topic: str
    partition: Count
    offset: Count


class Evidence(Position):
    """A record of the log and the event in it."""

    event_id: MachineId | None


class Finding(Outgoing):
    """A breach, an anomaly, a consent or rule finding, or an experiment's decision."""

    finding_id: Uuid
    check: Check
    initiative: Name
    key: Key
    severity: Severity
    state: Literal["pending", "confirmed", "retracted"]
    observed: Any
    expected: Any
    threshold: Any
    window: Window | None
    score: Figure | None
    policy: PolicyReference | None
    evidence: list[Evidence]


class Owner(Outgoing):
    """Who is asked to act, instead of whom and why."""

    role: RoleName
    person: str
    substitute_for: str | None
    reason: str | None


class Explanation(Outgoing):
    """Which segments moved, whether all did, and which rule changes came shortly before."""

    global_: bool = Field(alias="global")
    segments: list[dict[str, Any]]
    rate_effect: Figure | None = None
    mix_effect: Figure | None = None
    suspects: list[dict[str, Any]]


class Playbook(Outgoing):
    """What to look at and do."""

    id: str
    title: str
    steps: list[str]
    runbook: str | None
    sop: str | None


class Incident(Outgoing):
    """The whole incident after one step of its life."""

    incident_id: Uuid
    check: Check
    initiative: Name
    key: Key
    state: IncidentState
    level: Level
    severity: Severity
    owner: Owner | None
    opened_at: Time
    updated_at: Time
    sequence: Annotated[int, Field(ge=1, description="drop an event that is not above the last one seen of its incident")]
    step: IncidentStep
    occurrences: Annotated[int, Field(ge=1, description="breached windows so far, of a consent incident exposures")]
    windows: Annotated[
        list[Window],
        Field(description="each breached window; of over 500 the first two and the last, between them stretches of windows that touch"),
    ]
    explanation: Explanation | None
    playbook: Playbook
    recommended_action: str
    remediation: list[dict[str, Any]]
    episode: Annotated[int, Field(ge=1)]
    previous_hash: Sha256
    hash: Sha256


class Escalation(Outgoing):
    """Somebody is asked to act (`responsible`) or told (`informed`)."""

    incident_id: Uuid
    kind: Literal["responsible", "informed"]
    level: Level
    role: RoleName | None
    person: str | None
    substitute_for: str | None
    reason: str
    incident: Incident


class Cell(Outgoing):
    """The four dimensions of a full cell, `-` where nobody set one."""

    profile: str
    channel: str
    cohort: str
    variant: str


class WindowCounts(Outgoing):
    """What was counted in a cell and window; money per currency, consent per verdict."""

    exposures: Count
    clicks: Count
    conversions: Count
    revenue_minor: dict[str, int]
    technical_fallbacks: Count
    consent_fallbacks: Count
    no_match_fallbacks: Count
    late: Count
    subjects: Count
    consent: dict[Verdict, Count]


class KpiWindow(Outgoing):
    """A closed base window of one cell; of several revisions the last holds, they are never summed."""

    initiative: Name
    key: Cell
    window: Window
    revision: Literal["counts", "consent"]
    counts: WindowCounts
    kpis: dict[str, Figure | None]


class DeadLetter(Outgoing):
    """A record that was refused, or could not be delivered to a sink: where it is and why, nothing of what it said."""

    reason_code: RefusalCode | Literal["broken_line", "too_old", "in_future", "undelivered"]
    topic: str | None
    partition: Count | None
    offset: Count | None
    length: Count
    sha256: Sha256
    error_path: str | None


class AnswerError(Outgoing):
    """Which field was wrong and what would be right."""

    code: str
    field: str | None
    message: str


class Answer(Outgoing):
    """The answer to a command that is no report, or was refused."""

    request_id: MachineId
    command: str | None
    ok: bool
    error: AnswerError | None


class AuditEntry(Outgoing):
    """One link of an initiative's chain: `hash` is over the compact JSON of the entry without it."""

    initiative: Name
    sequence: Annotated[int, Field(ge=1)]
    kind: str
    at: Time
    body: dict[str, Any]
    previous_hash: Sha256
    hash: Sha256


class VerdictLine(Outgoing):
    """The settled verdict of one exposure, and the consent record that decided it."""

    event_id: MachineId
    verdict: Verdict
    decided_by: Position | None


class ReportPart(Outgoing):
    """A part of a report: what is named here is promised, more may be added."""

    model_config = ConfigDict(extra="allow")


class Period(ReportPart):
    """The event time a report covers and how far the monitor had read."""

    from_: Time = Field(alias="from")
    to: Time
    watermark: Time


class Totals(ReportPart):
    """Counts and the figures made of them."""

    counts: dict[str, Any]
    kpis: dict[str, Any]


class ReportSegment(Totals):
    """One part of the audience."""

    key: dict[str, str]
    previous: Totals | None
    interval: dict[str, Any] | None


class Performance(ReportPart):
    """How the initiative did."""

    totals: Totals
    segments: list[ReportSegment]
    trend: list[dict[str, Any]]


class Governance(ReportPart):
    """Whether it did so by the rules."""

    checks: list[dict[str, Any]]
    violations: list[dict[str, Any]]
    pending_approvals: list[dict[str, Any]]
    diffs: list[dict[str, Any]]


class BacklogItem(ReportPart):
    """Something to do, and by whom."""

    id: str
    title: str
    owner: Any
    priority: Any
    due: Time | None
    source: Any


class Report(ReportPart):
    """The canonical report; every other format is a view of it."""

    report_id: Uuid
    request: dict[str, Any]
    period: Period
    performance: Performance
    governance: Governance
    experiments: list[dict[str, Any]]
    issues: list[dict[str, Any]]
    backlog: list[BacklogItem]
    plan: dict[str, Any] | None
    coverage: dict[str, Any]
    review: dict[str, Any]


class CloudEvent(Outgoing):
    """CloudEvents 1.0 in structured JSON mode; `time` is event time, `id` the same in every replay."""

    specversion: Literal["1.0"]
    id: Uuid
    source: Annotated[str, StringConstraints(min_length=1)]
    type: Annotated[str, StringConstraints(pattern=r"^pmon\.[a-z-]+(\.[a-z_]+)?\.v[1-9]\d*$")]
    subject: Annotated[str, StringConstraints(min_length=1)]
    time: Time
    dataschema: Annotated[str, StringConstraints(pattern=r"^urn:pmon:schema:[a-z-]+:[1-9]\d*$")]
    data: dict[str, Any]
