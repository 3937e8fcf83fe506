"""How a worker will be held: a pure plan, no kernel needed.

`syscalls` (which calls, with which arguments, and why), `protections` (the plan of one policy), `paths` (what may be
read), `names` (what a call is called), `receipt` (what a worker says it installed, and what is wrong with it),
`programs/` (the filters made from `syscalls`, two pairs per profile and machine; a test proves them equal to the table).
"""
