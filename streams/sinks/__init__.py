"""Sinks: how people hear of what is on the bus. Each reads the outputs for itself, at its own pace, and tells what is new once.

    escalations ─┐
    incidents ───┼─► notice ─► too old? skip ─► send, again after a while ─► bookmark
    reports ─────┘                                 └─ none of the tries got through ─► dead letter, job failed

A notice carries its event's id: sent and not yet noted when a worker dies, it is sent again under the same id. Nothing here is part of
the fold: a sink that hangs holds up its own notices and nothing else.
"""

from streams.sinks.channel import Channel, UndeliveredError
from streams.sinks.courier import Errand
from streams.sinks.post import AddressError, Post, channels, send_test_alerts, unusable

__all__ = ["AddressError", "Channel", "Errand", "Post", "UndeliveredError", "channels", "send_test_alerts", "unusable"]
