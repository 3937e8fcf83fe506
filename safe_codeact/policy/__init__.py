"""What is allowed: the policy, from the file to the frozen data that every other package reads.

effective   the policy as it is enforced: frozen dataclasses, standard library only. All that gate, confine and guest
            may import from here, so this file must not import pydantic or yaml, not even indirectly
schema      the fields of a policy file: bounds, defaults, descriptions. The one truth of each; the host's side only
example_lines  the lines under `examples:`
fields      the kinds of values that those fields hold
document    YAML text to a tree of nodes that know their file, line and column; the traps of YAML refused
tree        those nodes
inherit     `extends`: a child's tree laid over its parent's
complaints  what the schema found wrong, in our words, at its place in the file
load        the three ways in (`load_policy`, `policy_from_dict`) and the way back (`policy_to_yaml`)
shipped     the policies that come with the package
reference   policies/README.md, written from the schema
published   policies/schema.json, for editors, written from it too
origins     the effective policy with the place that each line comes from
rehearsal   the file's own examples, judged by a gate that is handed in
samples     what a `when` condition says of all calls
lock        the digest that was reviewed, beside the file
facades     the modules that have a curated stand-in
knowledge   what allowing a module grants
"""

from __future__ import annotations
