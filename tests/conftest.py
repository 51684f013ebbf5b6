"""What every test may ask for, and what Hypothesis tries.

By default it tries the same examples in every run: a run fails because of a change, never by chance. `pytest --hypothesis-profile=explore`
tries others each time.
"""

import signal

from hypothesis import settings

from tests.brokers.fixtures import kafka, redis

__all__ = ["kafka", "redis"]

settings.register_profile("fixed", derandomize=True, database=None, deadline=None)
settings.register_profile("explore", derandomize=False, deadline=None)
settings.load_profile("fixed")

# A shell lets what it starts in the background ignore Ctrl-C, and so would the programs that tests start and end with it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
