"""The config: one YAML file, checked whole before anything runs; what it leaves out has the documented default."""

from governance.config.initiative import (
    Dip,
    Drift,
    Experiment,
    Freshness,
    Guardrail,
    Initiative,
    Kpi,
    Owner,
    Suppression,
    Threshold,
)
from governance.config.loading import load_config
from governance.config.model import Config
from governance.config.problem import ConfigError, Problem
from governance.config.section import Playbook, Role, Source

__all__ = [
    "Config",
    "ConfigError",
    "Dip",
    "Drift",
    "Experiment",
    "Freshness",
    "Guardrail",
    "Initiative",
    "Kpi",
    "Owner",
    "Playbook",
    "Problem",
    "Role",
    "Source",
    "Suppression",
    "Threshold",
    "load_config",
]
