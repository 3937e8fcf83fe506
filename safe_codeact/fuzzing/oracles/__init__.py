"""Who says that something got out: never the program that tried.

inside    the language side alone, in processes that nothing confines, where what a program holds can be looked at
loot      what an action must not hold
events    CPython's audit events, judged a second time by a table of their own
outside   a real runtime: files, listeners, processes, tools and sessions beside it, looked at from the host
"""
