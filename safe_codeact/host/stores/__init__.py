"""Where sessions are kept beyond their runtime.

    store      what a runtime asks of a store, and what a version is there
    seal       what says that a row was written by somebody who has the key
    database   the tables of a version, in one SQLite database that may have been tampered with
    shelves    which rows a commit adds, and which make room
    sqlite     the two stores: a file, and memory

A runtime without a store keeps its sessions in its vault alone, and pays for nothing of this.
"""
