"""Numbers, money and times as people read them: unit tied on, minus as U+2212, UTC, nothing naked."""

from datetime import UTC, datetime

NBSP = "\u00a0"
MINUS = "\u2212"
NONE = "\u2013"  # an en dash stands where there is no number
SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥"}
EXPONENTS = {"JPY": 0, "KRW": 0, "CLP": 0, "VND": 0, "BHD": 3, "KWD": 3, "JOD": 3, "OMR": 3, "TND": 3}  # ISO 4217; 2 elsewhere
PER_MILLION_BELOW = 0.0001  # 0.01 %: two decimals of a per cent say nothing below it
ONE_DECIMAL_FROM = 0.1
ALL = 0.995  # what rounds to 100 %
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def carried(share: float) -> str:
    """Return a part's share of a change; beyond all of it, the other parts went the other way.

    >>> carried(0.82), carried(1.02), carried(-0.04)
    ('82\\xa0%', 'all', '−4\\xa0%')
    """
    return "all" if share >= ALL else _minus(f"{share * 100:.0f}{NBSP}%")


def integer(number: int | None) -> str:
    """Return a count with thousands separated.

    >>> integer(11108768)
    '11,108,768'
    """
    return NONE if number is None else _minus(f"{number:,}")


def short(number: int | None) -> str:
    """Return a count in at most four digits, for tiles and axes.

    >>> short(38412), short(999)
    ('38.4k', '999')
    """
    if number is None:
        return NONE
    for size, digits, unit in ((10**9, 2, f"{NBSP}G"), (10**6, 2, f"{NBSP}M"), (10**4, 1, "k")):
        if abs(number) >= size:
            return _minus(f"{number / (size if size != 10**4 else 1000):.{digits}f}{unit}")
    return integer(number)


def bare_rate(value: float | None) -> str:
    """Return a share in per cent without its unit, for columns that carry it in the head.

    >>> bare_rate(0.0316)
    '3.16'
    """
    return NONE if value is None else _minus(f"{value * 100:.2f}")


def rate(value: float | None) -> str:
    """Return a share in per cent; a share under 0.01 % per million.

    >>> rate(0.0316), rate(0.000004)
    ('3.16\\xa0%', '4\\xa0per million')
    """
    if value is None:
        return NONE
    if 0 < value < PER_MILLION_BELOW:
        return f"{value * 1e6:.3g}{NBSP}per million"
    return f"{value * 100:.{1 if value >= ONE_DECIMAL_FROM else 2}f}{NBSP}%"


def bare_points(value: float | None, digits: int = 2) -> str:
    """Return a change of a share in points with its sign, without the unit; no change is unsigned.

    >>> bare_points(-0.0029), bare_points(0.0)
    ('−0.29', '0.00')
    """
    return NONE if value is None else signed(value * 100, digits)


def points(value: float | None) -> str:
    """Return a change of a share in points.

    >>> points(-0.0029)
    '−0.29\\xa0pp'
    """
    return NONE if value is None else f"{bare_points(value)}{NBSP}pp"


def signed(value: float, digits: int) -> str:
    """Return a number with its sign, zero without one."""
    text = f"{abs(value):.{digits}f}"
    if float(text) == 0:
        return text
    return f"{MINUS if value < 0 else '+'}{text}"


def relative(value: float | None) -> str:
    """Return a relative change in per cent.

    >>> relative(0.018)
    '+1.8\\xa0%'
    """
    return NONE if value is None else f"{signed(value * 100, 1)}{NBSP}%"


def money(minor: float | None, currency: str | None, digits: int | None = None) -> str:
    """Return an amount of minor units with its symbol first; `digits` defaults to the currency's own.

    >>> money(120450, "EUR"), money(-2, "EUR"), money(41.2, "EUR", 3)
    ('€1,204.50', '−€0.02', '€0.412')
    """
    if minor is None:
        return NONE
    exponent = EXPONENTS.get(currency or "", 2)
    text = f"{abs(minor) / 10**exponent:,.{exponent if digits is None else digits}f}"
    symbol = SYMBOLS.get(currency or "", f"{currency}{NBSP}" if currency else "")
    return f"{MINUS if minor < 0 and text.strip('0.,') else ''}{symbol}{text}"


def interval(ends: list[float] | None) -> str:
    """Return the ends of an interval of a share, in per cent.

    >>> interval([0.0301, 0.0331])
    '3.01\\xa0% to 3.31\\xa0%'
    """
    return "no interval" if ends is None else f"{rate(ends[0])} to {rate(ends[1])}"


def age(ms: int) -> str:
    """Return a duration in at most two units.

    >>> age(34_000), age(5_220_000), age(273_600_000)
    ('34\\xa0s', '1\\xa0h 27\\xa0min', '3\\xa0d 4\\xa0h')
    """
    seconds = max(0, ms) // 1000
    if seconds < 60:
        return f"{seconds}{NBSP}s"
    minutes = seconds // 60
    if minutes < 60:
        return f"{minutes}{NBSP}min"
    hours = minutes // 60
    if hours < 24:
        return f"{hours}{NBSP}h" + (f" {minutes % 60}{NBSP}min" if minutes % 60 else "")
    return f"{hours // 24}{NBSP}d" + (f" {hours % 24}{NBSP}h" if hours % 24 else "")


def clock(instant: str) -> datetime:
    """Return the UTC time of an RFC 3339 instant as the report writes it."""
    return datetime.fromisoformat(instant).astimezone(UTC)


def day(instant: str) -> str:
    """Return the day of an instant.

    >>> day("2026-11-09T00:00:00.000Z")
    '9\\xa0Nov'
    """
    at = clock(instant)
    return f"{at.day}{NBSP}{MONTHS[at.month - 1]}"


def moment(instant: str, today: str) -> str:
    """Return an instant as hour and minute on the day of `today`, with its day otherwise.

    >>> moment("2026-11-22T14:00:00.000Z", "2026-11-22T14:32:00.000Z"), moment("2026-11-21T22:55:00.000Z", "2026-11-22T14:32:00.000Z")
    ('14:00', '21\\xa0Nov 22:55')
    """
    at = clock(instant)
    time = f"{at:%H:%M}"
    return time if at.date() == clock(today).date() else f"{day(instant)} {time}"


def _minus(text: str) -> str:
    return text.replace("-", MINUS)
