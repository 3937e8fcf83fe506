"""Everything outside: what holds the tools, the secrets and the decisions, and never parses what a model wrote.

`launcher` (the only one that starts and counts processes: `zygote` and `worker` are its two kinds) → `exchange` (one
conversation with a worker, a sync and an async pump) → `outcome` (what the end means), with `state` (a session's next
state), `verify` (receipts), `toolbox`, `tool` and `crew` (tools and the threads they run in), `store` (snapshots),
`workspace` and `quota` (files), `folder` (where all of it lies), `values` (get and set), `observe` (the text that a model
is shown); `survey` is what `doctor` asks, `groups` what it says of control groups.
"""
