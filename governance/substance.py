"""Whether a text says anything: what people write into a field that must not be empty, and what is left without it."""

import re
import unicodedata
from collections.abc import Collection

MISSING_ANSWER = """
na n/a n.a none nil null nothing no not tba tbd tbc todo wip pending later soon maybe unknown unclear undefined missing empty x xx xxx
test dummy placeholder asdf lorem ipsum ditto idem same dash applicable yet defined decided done determined available required needed
be will to follow follows
"""
# A plan made of nothing but these says that there is a plan, not what to do.
ABOUT_ITSELF = """
a an and the this that our its it is are as of in on by per for from with we us you please just simply usual usually standard normal
see refer reference follow use using apply execute run perform do doing make start trigger initiate if when needed necessary required
rollback rollbacks roll rolled rolling back revert reverted reverting undo plan plans planned procedure process described description
documented defined above below here attached change changes rule rules ticket self itself
"""
PLACEHOLDERS = frozenset(MISSING_ANSWER.split())
CIRCULAR = frozenset(ABOUT_ITSELF.split())
WORD = re.compile(r"[^\W_]+(?:[./'-][^\W_]+)*")
VERSION = re.compile(r"(?<![^\W_])(?:versions?|ver\.?|v\.?)\s*[#:]?\s*([0-9]{1,9})(?![^\W_])")
FEWEST_MARKS = 3  # different letters or digits: "-----" and "xxxxxxxx" say nothing


def words(text: str) -> list[str]:
    """Return the words of a text in one case and one spelling; what cannot be seen is no word."""
    return WORD.findall(seen(text))


def seen(text: str) -> str:
    """Return a text as its reader sees it: compatibility forms folded, invisible marks left out, one case, single spaces."""
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join("".join(mark for mark in folded if unicodedata.category(mark) not in ("Cf", "Cc", "Mn") or mark.isspace()).split())


def says_something(text: str | None) -> bool:
    """Return whether a text is more than blanks, punctuation and words that stand for a missing answer.

    >>> says_something("redeploy version 6"), says_something(" n/a "), says_something("TBD - todo"), says_something("-----")
    (True, False, False, False)
    """
    if text is None:
        return False
    left = [word for word in words(text) if word not in PLACEHOLDERS]
    return bool(left) and len({mark for word in words(text) for mark in word if mark.isalnum()}) >= FEWEST_MARKS


def circular(text: str, own: Collection[str]) -> bool:
    """Return whether a rollback plan only points at itself, by name or by the names in `own` (of its change, of its rule).

    >>> circular("See the rollback plan.", ()), circular("Revert chg-311", ["chg-311"]), circular("redeploy version 6", ())
    (True, True, False)
    """
    folded = seen(text)
    for name in sorted(own, key=len, reverse=True):
        folded = re.sub(rf"(?<![^\W_]){re.escape(seen(name))}(?![^\W_])", " ", folded)
    return not [word for word in WORD.findall(folded) if word not in CIRCULAR and word not in PLACEHOLDERS]


def versions(text: str) -> list[int]:
    """Return the version numbers a text names, in its order.

    >>> versions("from v7 back to version 6")
    [7, 6]
    """
    return [int(number) for number in VERSION.findall(seen(text))]
