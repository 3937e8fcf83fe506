"""Everything outside: what holds the tools, the secrets and the decisions, and never parses what a model wrote.

`launcher` (the only pids: zygotes and standby workers) → `exchange` (one conversation with a worker, a sync and an async
pump) → `outcome` (what the end means), with `verify` (receipts), `toolbox` (tools), `store` (snapshots), `workspace`
(files), `observe` (the text a model is shown).
"""
