"""Actions made at random: whole programs that reach the sandbox alive, after something each.

spelling   the many ways to write one name or one text
reaching   what to start from, what to go for, and the ways to get at an attribute
wrapping   the constructs that a statement can be put into
mutation   a known program, changed so that it means the same
hostile    what a program does once nothing in the language stops it: files, network, processes, memory
native     system calls through ctypes, in sequences
harmless   ordinary programs, which must behave as under plain CPython
generate   the strategies

Hypothesis draws the skeleton of a program (which source, which way, which wrappers, how many turns) and a number, from
which the details come (names, spellings): what shrinks is the skeleton.
"""
