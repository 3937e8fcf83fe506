"""What may be said between host, zygote and worker, as bytes and as turns. No I/O, standard library only.

messages      every message, as frozen data
format        the wire format on one page, and how large a value may be
kinds         what may stand in a field; shapes: the table of all fields
encode        values and messages to bytes (host and guest)
decode        bytes to messages: the only code of the host that a worker's bytes enter; crowding is its part
conversation  which message may follow which, for a worker; control: for a zygote
intake        how zygote and worker read the host's frames
"""
