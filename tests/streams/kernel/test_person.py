"""What an exposure is to experiments."""

from streams.kernel.person import Seen, first


def test_a_logged_chance_is_kept_as_what_estimates_everybody() -> None:
    """1/p and 1/p² in millionths, whole numbers; without a chance there is none of it."""
    one = Seen(0, 0, "exposures", experiment="exp", arm="a", profile="p", channel="web", propensity=250_000)
    assert first(one) == {"first": 1, "channel.web": 1, "profile.p": 1, "logged": 1, "inverse": 4_000_000, "squares": 16_000_000}
    assert first(Seen(0, 0, "exposures", experiment="exp", arm="a", profile="p", channel="web")).keys() == {
        "first",
        "channel.web",
        "profile.p",
    }
