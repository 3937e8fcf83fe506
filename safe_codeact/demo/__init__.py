"""The demo: a sales CSV, a recorded conversation about it, and a loopback server that plays it.

Nothing here knows a result: the recording holds the model's words and code, and every number that the demo shows was
computed by an action that ran. `python -m safe_codeact.demo` runs it.
"""
