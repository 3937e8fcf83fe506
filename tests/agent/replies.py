"""A corpus of replies, as models of many families write them, each with what it is to be read as."""

from __future__ import annotations

import json

from replies_families import FAMILIES
from replies_smollm2 import SMOLLM2
from replies_table import action, answer, calls, code, returned

PRINT = "print(1 + 1)"

FENCES = [
    action("python fence", f"I'll add.\n\n```python\n{PRINT}\n```", PRINT, blocks=1),
    action("py fence", f"```py\n{PRINT}\n```\n", PRINT),
    action("python3 fence", f"```python3\n{PRINT}\n```", PRINT),
    action("upper-case language", f"```Python\n{PRINT}\n```", PRINT),
    action("no language", f"Let me compute:\n```\n{PRINT}\n```", PRINT),
    action("tilde fence", f"~~~python\n{PRINT}\n~~~", PRINT),
    action("tilde fence without a language", f"~~~\n{PRINT}\n~~~", PRINT),
    action("four backticks around three", '````python\ns = """\n```\n"""\n````', 's = """\n```\n"""'),
    action("title in the info string", f'```python title="a.py"\n{PRINT}\n```', PRINT),
    action("R Markdown braces", f"```{{python}}\n{PRINT}\n```", PRINT),
    action("dotted class", f"``` .python\n{PRINT}\n```", PRINT),
    action("ipython", f"```ipython\n{PRINT}\n```", PRINT),
    action("tool_code fence (Gemini)", f"```tool_code\n{PRINT}\n```", PRINT),
    action("Windows line ends", f"Sum:\r\n```python\r\nx = 1\r\n{PRINT}\r\n```\r\n", f"x = 1\n{PRINT}"),
    action("fence in a list item", "1. First:\n   ```python\n   for i in range(2):\n       print(i)\n   ```", "for i in range(2):\n    print(i)"),
    action("fence in a quotation", f"> ```python\n> x = 1\n> {PRINT}\n> ```", f"x = 1\n{PRINT}"),
    action("opener after prose on its line", f"Here it is: ```python\n{PRINT}\n```", PRINT),
    action("opener after Action:", f"Thought: add them.\nAction: ```python\n{PRINT}\n```", PRINT),
    action("closer glued to the last line", f"```python\nx = 1\n{PRINT}```", f"x = 1\n{PRINT}"),
    action("glued closer, prose after", f"```python\n{PRINT}```\nThis prints two.", PRINT),
    action("glued closer, then another block", "```python\nx = 1```\nand\n```python\nprint(x)\n```", "x = 1\n\nprint(x)", blocks=2),
    action("one line", "```python print(7)```", "print(7)"),
    action("prose after the block", f"```python\n{PRINT}\n```\nThis will give us the sum.", PRINT),
    action("two blocks are joined in order", "First\n```python\nx = 1\n```\nthen\n```python\nprint(x)\n```", "x = 1\n\nprint(x)", blocks=2),
    action("three blocks", "```python\na\n```\n```py\nb\n```\n~~~python\nc\n~~~", "a\n\nb\n\nc", blocks=3),
    action("expected output beside code is not code", f"```python\n{PRINT}\n```\nOutput:\n```\n2\n```", PRINT, blocks=1),
    action("bash beside code is not code", f"```bash\npip install pandas\n```\n```python\n{PRINT}\n```", PRINT, blocks=1),
    action("blocks after an invented observation", f"```python\n{PRINT}\n```\nObservation: 2\n\n```python\nprint('invented')\n```", PRINT, blocks=1),
    action("emphasised invented observation", f"```python\n{PRINT}\n```\n**Observation:**\n2\n\nFinal Answer: 2", PRINT),
    action("console session", "```pycon\n>>> x = 2\n>>> for i in range(x):\n...     print(i)\n0\n1\n>>>\n```", "x = 2\nfor i in range(x):\n    print(i)\n"),
    action("console session in a python fence", "```python\n>>> print(3)\n3\n```", "print(3)"),
    action("half-closed, the model stopped by itself", f"```python\nx = 1\n{PRINT}", f"x = 1\n{PRINT}"),
    action("indented code keeps its shape", "```python\ndef f(x):\n\n    return x\n\nf(1)\n```", "def f(x):\n\n    return x\n\nf(1)"),
    action("blank lines around the code", "```python\n\n\nprint(1)\n\n```", "print(1)"),
    action("tags inside a fence are text", "```python\nprint('<execute>x</execute>')\n```", "print('<execute>x</execute>')"),
    action("end-of-turn token left in", f"```python\n{PRINT}\n```<|im_end|>", PRINT),
    action("two end tokens", f"```python\n{PRINT}\n```\n</s><|eot_id|>", PRINT),
    action("form feeds and odd line separators stay in the code", "```python\nx = '\x0c\u2028'\n```", "x = '\x0c\u2028'"),
    action("a block begun anew without an end", f"```python\n# code\n```python\n{PRINT}\n```\nDone.", f"# code\n\n{PRINT}", blocks=2),
    action("a block begun anew without an end, then prose and another", f"```python\nx = 1\n```py\ny = 2\n```\nand\n```python\n{PRINT}\n```", f"x = 1\n\ny = 2\n\n{PRINT}", blocks=3),
    action("a fence without a language around one that says Python", f"```\n```python\n{PRINT}\n```\n```", PRINT, blocks=1),
    action("a text that shows Markdown is closed by its own marks", "````python\ns = \"\"\"\n```python\nx\n```\n\"\"\"\n````", 's = """\n```python\nx\n```\n"""', blocks=1),
    action("other language only inside the prose", f"Use `df`, not ```x```.\n```python\n{PRINT}\n```", PRINT),
]  # fmt: skip

THINKING = [
    action("think block before the code", f"<think>\n```python\nwrong()\n```\n</think>\n\n```python\n{PRINT}\n```", PRINT, blocks=1),
    action("think block without its opener", f"I could call wrong().\n</think>\n```python\n{PRINT}\n```", PRINT),
    action("channel tokens in the code are code", "```python\nt = '<|channel|>final<|message|>x<|end|>'\nprint(t)\n```", "t = '<|channel|>final<|message|>x<|end|>'\nprint(t)"),
    action("thinking tags in the code are code", "```python\nparts = reply.split('</think>')\ntext = \"\"\"<think>a</think>\n</think>\n\"\"\"\n```", "parts = reply.split('</think>')\ntext = \"\"\"<think>a</think>\n</think>\n\"\"\""),
    answer("think block before prose", "<think>hm</think>\nRevenue grew by 5 %.", "Revenue grew by 5 %."),
    returned("thinking that never ends", "<think>\nlet me see", "Your reply was empty"),
    returned("thinking that was cut", "<think>\nlet me see ```python\nx\n```", "cut at the token limit, before any action", finish="length"),
]  # fmt: skip

TAGS = [
    action("execute tags (CodeActAgent)", f"I'll add.\n<execute>\n{PRINT}\n</execute>", PRINT, "execute"),
    action("execute on one line", f"<execute>{PRINT}</execute>", PRINT, "execute"),
    action("execute in capitals", f"<EXECUTE>\n{PRINT}\n</Execute>", PRINT, "execute"),
    action("execute around a fence", f"<execute>\n```python\n{PRINT}\n```\n</execute>", PRINT, "execute"),
    action("execute, closer eaten as stop sequence", f"Now:\n<execute>\n{PRINT}\n", PRINT, "execute"),
    action("execute, fence closed and tag not, at the limit", f"<execute>\n```python\n{PRINT}\n```", PRINT, "execute", finish="length"),
    action("two execute blocks on one line", "<execute>a = 1</execute> and <execute>print(a)</execute>", "a = 1\n\nprint(a)", "execute", blocks=2),
    action("code after an execute tag wins over solution", f"<execute>{PRINT}</execute>\n<solution>2</solution>", PRINT, "execute"),
    action("code tag (smolagents)", f"Thought: add.\n<code>\n{PRINT}\n</code>", PRINT, "tag"),
    action("python tag", f"<python>\n{PRINT}\n</python>", PRINT, "tag"),
    action("Llama's python tag", f"<|python_tag|>{PRINT}<|eom_id|>", PRINT, "tag"),
    answer("inline code tag is prose", "Use <code>df.head()</code> for that.", "Use <code>df.head()</code> for that."),
    answer("solution tags", "Thought: done.\n<solution>\n42 %\n</solution>", "42 %", "solution"),
    answer("solution, not closed", "<solution>42 %", "42 %", "solution"),
    answer("answer tags", "<answer>42 %</answer>", "42 %", "solution"),
    answer("solution with a code example", "<solution>Call `f`:\n```\nf(1)\n```\n</solution>", "Call `f`:\n```\nf(1)\n```", "solution"),
]  # fmt: skip

CALLS = [
    calls("run_python", ("run_python", code(PRINT)), expected=PRINT, blocks=1),
    calls("execute_code", ("execute_code", code(PRINT)), expected=PRINT),
    calls("another argument name", ("python", json.dumps({"input": PRINT})), expected=PRINT),
    calls("finish_reason stop", ("run_python", code(PRINT)), expected=PRINT, finish="stop"),
    calls("bare code for arguments", ("python", PRINT), expected=PRINT),
    calls("a JSON string for arguments", ("python", json.dumps(PRINT)), expected=PRINT),
    calls("a fence inside the argument", ("run_python", code(f"```python\n{PRINT}\n```")), expected=PRINT),
    calls("two calls are joined", ("run_python", code("x = 1")), ("run_python", code("x")), expected="x = 1\n\nx", blocks=2),
    calls("code in the text too: the call counts", ("run_python", code(PRINT)), text="```python\nother()\n```", expected=PRINT),
    calls("an unknown function", ("search", '{"query": "x"}'), kind="returned", expected="There is no function search"),
    calls("no code", ("run_python", "{}"), kind="returned", expected="held no code"),
    calls("code that is no text", ("run_python", '{"code": 5}'), kind="returned", expected="held no code"),
    calls("broken JSON", ("run_python", '{"code": "pri'), kind="returned", expected="held no code"),
    calls("JSON cut at the limit", ("run_python", '{"code": "pri'), kind="returned", expected="cut at the token limit, inside a tool call", finish="length"),
    calls("blank code", ("run_python", code("  \n")), kind="returned", expected="held no code"),
    calls("JSON nested beyond reason", ("run_python", "[" * 100_000), expected="[" * 100_000),
    action("tool call as text (Hermes, Qwen)", f'<tool_call>\n{{"name": "run_python", "arguments": {code(PRINT)}}}\n</tool_call>', PRINT, "tool_call"),
    action("tool call as text, arguments as text", f'<tool_call>{{"name": "run_python", "arguments": {json.dumps(code(PRINT))}}}</tool_call>', PRINT, "tool_call"),
    returned("tool call as text, broken", "<tool_call>\n{nonsense\n</tool_call>", "held no code", "tool_call"),
]  # fmt: skip

ANSWERS = [
    answer("prose", "Revenue grew by 12.5 % year over year.", "Revenue grew by 12.5 % year over year."),
    answer("several paragraphs", "Revenue grew.\n\n- Q1: 5\n- Q2: 6", "Revenue grew.\n\n- Q1: 5\n- Q2: 6"),
    answer("final answer line (ReAct)", "Thought: I know now.\nFinal Answer: 42", "42", "final_line"),
    answer("final answer in bold, more lines", "**Final Answer:** 42\nand a half", "42\nand a half", "final_line"),
    answer("a table", "| q | r |\n|---|---|\n| 1 | 2 |", "| q | r |\n|---|---|\n| 1 | 2 |"),
    answer("only a JSON block", 'Result:\n```json\n{"growth": 0.1}\n```', 'Result:\n```json\n{"growth": 0.1}\n```'),
    answer("only a text block", "```text\n42\n```", "```text\n42\n```"),
    answer("inline code", "The column is `revenue`, not ```sales```.", "The column is `revenue`, not ```sales```."),
    answer("an equation", "x = 5", "x = 5"),
    answer("the end of a block that was never begun", "17 * 23 = 391\n```", "17 * 23 = 391"),
    returned("a fence that was about to begin", "I'll run this:\n```", "Your code block was empty", "fence"),
    answer("a function of mathematics", "sin(x)", "sin(x)"),
    answer("prose that starts like an import", "import duties rose by 4 %", "import duties rose by 4 %"),
    answer("prose that starts like a loop", "for 2024 the growth is 3 %.\nfor 2025:", "for 2024 the growth is 3 %.\nfor 2025:"),
    answer("an observation line alone", "Observation: sales fell.", "Observation: sales fell."),
    answer("a number", "42", "42"),
    returned("prose cut at the limit", "Revenue grew by", "cut at the token limit", finish="length"),
    returned("a fence cut at the limit", "```python\nprint(1", "cut at the token limit, inside a code block", "fence", finish="length"),
    returned("an execute tag cut at the limit", "<execute>\nprint(1", "inside a code block", "execute", finish="length"),
    returned("second block cut at the limit", "```python\nx = 1\n```\n```python\nprint(", "inside a code block", "fence", finish="length"),
    action("closed block, then cut prose", f"```python\n{PRINT}\n```\nThis wi", PRINT, finish="length"),
    returned("nothing", "", "Your reply was empty"),
    returned("white space", " \n\t\n", "Your reply was empty"),
    returned("only an end token", "<|im_end|>", "Your reply was empty"),
    returned("an empty block", "Now:\n```python\n```", "Your code block was empty", "fence"),
]  # fmt: skip

BARE = [
    action("code and nothing else", "import pandas as pd\ndf = pd.read_csv('a.csv')\nprint(df.head())", "import pandas as pd\ndf = pd.read_csv('a.csv')\nprint(df.head())", "bare"),
    action("a single print", "print(2 ** 10)", "print(2 ** 10)", "bare"),
    action("a function and its call", "def f(x):\n    return x\n\nprint(f(2))", "def f(x):\n    return x\n\nprint(f(2))", "bare"),
    action("final_answer without a fence", "final_answer(42)", "final_answer(42)", "bare"),
    action("from-import and a loop", "from math import sqrt\nfor i in range(3):\n    print(sqrt(i))", "from math import sqrt\nfor i in range(3):\n    print(sqrt(i))", "bare"),
    answer("code with a sentence before it", "We print it.\nprint(1)", "We print it.\nprint(1)"),
]  # fmt: skip

CORPUS = [*FENCES, *THINKING, *TAGS, *CALLS, *ANSWERS, *BARE, *FAMILIES, *SMOLLM2]
