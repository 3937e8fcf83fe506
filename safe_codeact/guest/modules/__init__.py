"""What an action can import: facades (`facade`, `importer`), hand-made stand-ins (`curated`), the guarded `open` (`files`),
and the changes to libraries that evaluate text (`patches`)."""

from __future__ import annotations

from safe_codeact.guest.modules.importer import Modules

__all__ = ["Modules"]
