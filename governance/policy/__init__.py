"""Policies: typed checks of how a rule may go live, versioned in time, each result itemised."""

from governance.policy.in_force import InForce, Standing
from governance.policy.loading import load_policies, load_policy, replaced
from governance.policy.model import Policy

__all__ = ["InForce", "Policy", "Standing", "load_policies", "load_policy", "replaced"]
