"""The names there are, for whoever has given one that is none of them.

May import the pool's facade.
"""

from __future__ import annotations

from collections.abc import Collection

from airpost.pool.facade import Pool

MOST = 20  # names
LONGEST = 400  # characters of them


def no_modem(pool: Pool) -> str:
    """No modem has the name, and which there are."""
    return f"no modem has this name: {there([view.lane for view in pool.modems()])}"


def there(names: Collection[str], *, whole: bool = True) -> str:
    """In words: "there is a", "there are a, b and 7 more", "there is none".

    Not `whole`: there are more than these.
    """
    if not names:
        return "there is none"
    shown: list[str] = []
    left = LONGEST
    for name in sorted(names)[:MOST]:
        left -= len(name)
        if shown and left < 0:
            break
        shown.append(name[:LONGEST])
    hidden = len(names) - len(shown)
    more = "" if hidden == 0 else f" and {hidden} more"
    is_ = "is" if len(names) == 1 else "are"
    return f"there {is_} {', '.join(shown)}{more if whole else ' and more'}"
