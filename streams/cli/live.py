"""What the live verbs share: the bus of a deployment, opened and closed, and its errors as exit codes."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiokafka.errors import KafkaError

from streams.cli.problem import NotReachable, UsageProblem
from streams.display import AddressError
from streams.kernel.changelog import BrokenLogError
from streams.kernel.monitor import ChannelGapError
from streams.kernel.rows import RowVersionError
from streams.seat import LostSeatError
from streams.settings import Settings
from streams.topics import TopicsError
from streams.transport.bus import Bus, BusError
from streams.transport.opening import bus_from_outside

T = TypeVar("T")


class StateProblem(UsageProblem):
    """What stands on the bus is not what workers write: nothing may be folded on top of it; the message says where."""

    exit_code = 70


def on_the_bus(settings: Settings, use: Callable[[Bus], Awaitable[T]]) -> T:
    """Return what `use` makes of the deployment's bus; raises NotReachable and UsageProblem."""
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # what it would say ends the verb, with a message of ours

    async def go() -> T:
        bus = bus_from_outside(settings)
        await bus.open()
        try:
            return await use(bus)
        finally:
            await bus.close()

    return told(go())


def told(work: Awaitable[T]) -> T:
    """Run work in an event loop; what the bus cannot do is raised as the exit code it stands for."""

    async def go() -> T:
        return await work

    try:
        return asyncio.run(go())
    except (TopicsError, AddressError) as error:
        raise UsageProblem(str(error)) from None
    except (BusError, LostSeatError) as error:
        raise NotReachable(str(error)) from None
    except (BrokenLogError, RowVersionError, ChannelGapError) as error:
        raise StateProblem(str(error)) from None
    except KafkaError as error:
        raise NotReachable(f"the Kafka broker does not do what was asked: {type(error).__name__}") from None
