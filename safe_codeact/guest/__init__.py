"""Everything inside: what the zygote and its workers are made of.

`zygote` (imports, enters namespaces by `enclosure`, then only forks; `listeners` hears which calls it must kill for) →
`lockdown` (the worker confines itself) → `worker` (one action: judge, restore, run, save, exit), with `namespace`
(snapshots; the only pickle), `modules` (facades), `guards` (the dynamic doors), `interpreters` (the only `exec`), `tools`,
`streams`, `display`, `deadline`, `tracebacks`.
Nothing in here may be believed by the host.
"""
