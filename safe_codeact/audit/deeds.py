"""What a tool does, guessed from its name and from what its line says of it.

A policy file knows a tool by its name and its `why`; the function itself is the host's. So these are guesses, and the
rules that use them say so by their confidence. Words are compared whole: `payload` does not pay.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import Final

from safe_codeact.policy.effective import ToolRule


class Deed(enum.Enum):
    DELETES = "deletes"
    PAYS = "moves money"
    SENDS = "sends things to people or services"
    EXECUTES = "executes programs or queries"
    FETCHES = "fetches addresses"
    CHANGES = "changes records"


_WORDS: Final[Mapping[Deed, str]] = {
    Deed.DELETES: "delete deletes del remove removes drop drops purge purges destroy destroys wipe erase truncate revoke revokes "
    "terminate terminates uninstall cancel cancels kill unlink rm reset",
    Deed.PAYS: "pay pays payment payments payout refund refunds charge charges transfer transfers purchase purchases buy buys sell "
    "withdraw deposit order orders invoice invoices checkout donate reimburse wire subscribe",
    Deed.SENDS: "send sends email emails mail mails sms tweet post posts publish publishes notify notifies message messages "
    "broadcast share shares upload uploads forward reply webhook slack invite",
    Deed.EXECUTES: "exec execute executes run runs eval shell bash sh command commands cmd sql query script scripts deploy deploys "
    "install installs subprocess ssh powershell invoke",
    Deed.FETCHES: "fetch fetches url urls http https download downloads browse browser crawl crawls scrape scrapes curl wget request "
    "requests webpage",
    Deed.CHANGES: "write writes update updates insert inserts edit edits save saves create creates set modify modifies overwrite "
    "rename move patch put grant grants approve approves merge",
}  # fmt: skip
_SETS: Final = {deed: frozenset(words.split()) for deed, words in _WORDS.items()}
# In a sentence these are nouns more often than deeds ("one order by its number", "the message of the day").
_ONLY_IN_NAMES_WORDS = (
    "order orders message messages post posts query run request requests set move share script url urls "
    "invoice invoices command reset reply forward wire sh rm del put sell email emails mail mails payment "
    "payments http https"
)
_ONLY_IN_NAMES: Final = frozenset(_ONLY_IN_NAMES_WORDS.split())
_HARMLESS: Final = re.compile(
    r"\b(reads? only|read-only|only reads?|never (writes|changes|deletes|sends|pays)|dry run|draft)\b", re.I
)
_READERS_WORDS = "get list read find search lookup show count describe fetch view check is has"
_READERS: Final = frozenset(_READERS_WORDS.split())
# `order_status`, `payment_history`: what it is about comes first, and the last word says that it is looked at.
_LOOKED_AT_WORDS = (
    "status history details info list count price prices balance report reports summary id ids total totals statistics stats "
    "schema address addresses number numbers name names date dates limit limits"
)
_LOOKED_AT: Final = frozenset(_LOOKED_AT_WORDS.split())
# Said anywhere in a name they say what is handed over, whatever is done with the answer.
_ANYWHERE: Final = {
    Deed.FETCHES: frozenset({"url", "urls", "http", "https", "webpage"}),
    Deed.EXECUTES: frozenset({"sql", "shell", "bash", "powershell"}),
}


def words_of(name: str) -> list[str]:
    """`sendEmail_toAll` → send, email, to, all."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+", name)]


def deeds(tool: ToolRule) -> dict[Deed, str]:
    """Each deed that a line suggests, with the word that does."""
    if tool.name == "*" or _HARMLESS.search(tool.why):
        return {}
    name = words_of(tool.name)
    reads = bool(name) and (name[0] in _READERS or name[-1] in _LOOKED_AT)
    said = [word for word in words_of(tool.why) if word not in _ONLY_IN_NAMES]
    found: dict[Deed, str] = {}
    for deed, words in _SETS.items():
        # `get_payments` reads, whatever comes after; its first word, and what is handed to an interpreter, still count.
        first = name[:1] if name[0] in _READERS else []
        heard = [*first, *(each for each in name if each in _ANYWHERE.get(deed, ()))] if reads else [*name, *said]
        word = next((word for word in heard if word in words), None)
        if word is not None:
            found[deed] = word
    return found


def is_watched(tool: ToolRule) -> bool:
    """Whether somebody, or a condition, looks at each call."""
    return tool.approval == "ask" or tool.when is not None
