"""Replies in the ways of writing that families of models were trained on, templates' tokens left in and all.

Each is written here after the family's published template or after what its models do; none is a recording.
"""

from __future__ import annotations

import json

from replies_table import action, answer, calls, code, returned

LOOP = "total = 0\nfor row in rows:\n    total += row['units']\nprint(total)"
LOAD = "import pandas as pd\ndf = pd.read_csv('sales.csv')\nprint(df.shape)"
JSON_CALL = json.dumps({"name": "run_python", "arguments": {"code": LOOP}})
JSON_PARAMETERS = json.dumps({"name": "execute_code", "parameters": {"code": LOAD}})

SPECIAL_TOKENS = [
    action("Mistral: [TOOL_CALLS] and a list", f"[TOOL_CALLS] [{JSON_CALL}]</s>", LOOP, "tool_call", blocks=1),
    action("Mistral: name and [ARGS]", f"[TOOL_CALLS]run_python[ARGS]{code(LOOP)}", LOOP, "tool_call"),
    action("Mistral: two calls with [ARGS]", f"[TOOL_CALLS]run_python[ARGS]{code('x = 1')}[TOOL_CALLS]run_python[ARGS]{code('x')}", "x = 1\n\nx", "tool_call", blocks=2),
    action("DeepSeek V3: kind, name and a JSON fence", f"I'll sum it.<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>run_python\n```json\n{code(LOOP)}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜><｜end▁of▁sentence｜>", LOOP, "tool_call"),
    action("DeepSeek V3.1: name and arguments", f"<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>run_python<｜tool▁sep｜>{code(LOAD)}<｜tool▁call▁end｜><｜tool▁calls▁end｜>", LOAD, "tool_call"),
    action("Kimi K2: sections, and a name with its number", f"<|tool_calls_section_begin|><|tool_call_begin|>functions.run_python:0<|tool_call_argument_begin|>{code(LOOP)}<|tool_call_end|><|tool_calls_section_end|>", LOOP, "tool_call"),
    action("Llama 3.1: JSON after the python tag", f"<|python_tag|>{JSON_PARAMETERS}<|eom_id|>", LOAD, "tool_call"),
    action("Llama 3.1: <function=…>", f"<function=run_python>{code(LOOP)}</function><|eot_id|>", LOOP, "tool_call"),
    action("Llama 3.2: a bare JSON call with parameters", JSON_PARAMETERS, LOAD, "tool_call"),
    action("Phi-4-mini: <|tool_call|> around a list", f"<|tool_call|>[{JSON_CALL}]<|/tool_call|><|end|>", LOOP, "tool_call"),
    action("Granite: <|tool_call|> without an end", f"<|tool_call|>[{JSON_CALL}]", LOOP, "tool_call"),
    action("InternLM2: its interpreter", f"I'll use the interpreter.<|action_start|><|interpreter|>\n```python\n{LOOP}\n```\n<|action_end|>", LOOP, "tag"),
    action("InternLM2: a plugin call", f"<|action_start|><|plugin|>\n{JSON_PARAMETERS}<|action_end|>", LOAD, "tool_call"),
    action("execute tokens around a fence", f"<|execute_start|>\n```python\n{LOOP}\n```\n<|execute_end|>", LOOP, "tag"),
    action("Code Llama: [PYTHON]", f"[PYTHON]\n{LOOP}\n[/PYTHON]", LOOP, "tag"),
    action("StarCoder: jupyter_code, with an output of its own", f"<jupyter_code>{LOOP}<jupyter_output>12\n", LOOP, "tag"),
    action("Qwen2.5: <tool_call> after a sentence", f"I'll add up the units.\n<tool_call>\n{JSON_CALL}\n</tool_call><|im_end|>", LOOP, "tool_call"),
    action("Qwen2.5: two <tool_call>s", f'<tool_call>\n{{"name": "run_python", "arguments": {code("x = 1")}}}\n</tool_call>\n<tool_call>\n{{"name": "run_python", "arguments": {code("print(x)")}}}\n</tool_call>', "x = 1\n\nprint(x)", "tool_call", blocks=2),
    action("Qwen3-Coder: XML parameters", f"<tool_call>\n<function=run_python>\n<parameter=code>\n{LOOP}\n</parameter>\n</function>\n</tool_call>", LOOP, "tool_call"),
    action("Qwen3-Coder: the outer tag forgotten", f"<function=run_python>\n<parameter=code>\n{LOOP}\n</parameter>\n</function>", LOOP, "tool_call"),
    action("GLM-4.5: keys and values", f"<tool_call>run_python\n<arg_key>code</arg_key>\n<arg_value>{LOOP}</arg_value>\n</tool_call>", LOOP, "tool_call"),
    action("invoke with parameters", f'<function_calls>\n<invoke name="run_python">\n<parameter name="code">{LOOP}</parameter>\n</invoke>\n</function_calls>', LOOP, "tool_call"),
    action("invoke without its frame", f'Let me look.\n\n<invoke name="run_python">\n<parameter name="code">{LOAD}</parameter>\n</invoke>', LOAD, "tool_call"),
    action("gpt-oss: a call in the commentary channel", f"<|channel|>analysis<|message|>We need the sum.<|end|><|start|>assistant<|channel|>commentary to=functions.run_python <|constrain|>json<|message|>{code(LOOP)}<|call|>", LOOP, "tool_call"),
    action("gpt-oss: code for its own python", f"<|channel|>analysis to=python code<|message|>{LOOP}<|call|>", LOOP, "tool_call"),
    action("gpt-oss: a fence in the final channel", f"<|channel|>analysis<|message|>Fine.<|end|><|start|>assistant<|channel|>final<|message|>I'll load it.\n```python\n{LOAD}\n```<|return|>", LOAD, "fence"),
    answer("gpt-oss: the answer in the final channel", "<|channel|>analysis<|message|>print(1)?<|end|><|start|>assistant<|channel|>final<|message|>Sales rose by 4 %.<|return|>", "Sales rose by 4 %."),
    returned("gpt-oss: thought and nothing else", "<|channel|>analysis<|message|>We could ```python\nx\n```", "cut at the token limit", finish="length"),
    action("a call as text with literal line breaks in its JSON", '<tool_call>\n{"name": "run_python", "arguments": {"code": "x = 1\nprint(x)"}}\n</tool_call>', "x = 1\nprint(x)", "tool_call"),
    action("the API's own shape as text", json.dumps({"type": "function", "function": {"name": "run_python", "arguments": code(LOOP)}}), LOOP, "tool_call"),
    action("Command R: a JSON list under Action:", 'Action: ```json\n[\n    {\n        "tool_name": "run_python",\n        "parameters": {"code": "print(3)"}\n    }\n]\n```', "print(3)", "tool_call"),
    action("xLAM: a bare list of calls", f"[{JSON_CALL}]", LOOP, "tool_call"),
    action("a JSON fence that is a call", f"I will call the function.\n```json\n{JSON_CALL}\n```", LOOP, "tool_call"),
    action("ChatGLM: the name on a line of its own", f"<tool_call>python\n{code(LOOP)}</tool_call>", LOOP, "tool_call"),
    answer("a JSON answer that is no call", '{"name": "North", "parameters": {"units": 5}}', '{"name": "North", "parameters": {"units": 5}}'),
    answer("final_answer as a call in text", '<tool_call>{"name": "final_answer", "arguments": {"answer": "42 units"}}</tool_call>', "42 units", "tool_call"),
    returned("a call in text of a function that is none", '<tool_call>{"name": "web_search", "arguments": {"query": "x"}}</tool_call>', "There is no function web_search", "tool_call"),
    returned("python tag cut at the limit", "<|python_tag|>print(1", "inside a code block", "tag", finish="length"),
    returned("[TOOL_CALLS] cut at the limit", '[TOOL_CALLS] [{"name": "run_python", "arguments": {"co', "inside a code block", "tool_call", finish="length"),
]  # fmt: skip

REACT = [
    action("ReAct: Action, Action Input, bare code", "Thought: I need the sum.\nAction: run_python\nAction Input: print(1 + 2)", "print(1 + 2)", "react"),
    action("ReAct: several lines of input", f"Thought: sum them.\nAction: python_repl\nAction Input:\n{LOOP}\n", LOOP, "react"),
    action("ReAct: JSON input", f"Thought: sum.\nAction: run_python\nAction Input: {code(LOOP)}", LOOP, "react"),
    action("ReAct: an invented observation after it", f"Action: run_python\nAction Input: {code('print(1)')}\nObservation: 1\nThought: done.\nFinal Answer: 1", "print(1)", "react"),
    action("ReAct: a fence as input", f"Thought: sum.\nAction: python\nAction Input:\n```python\n{LOOP}\n```", LOOP, "fence"),
    action("ReAct: a fence without a language as input", f"Thought: sum.\nAction: python\nAction Input:\n```\n{LOOP}\n```", LOOP, "fence"),
    action("ReAct: in bold", "**Thought:** sum.\n**Action:** run_python\n**Action Input:** print(3)", "print(3)", "react"),
    action("ReAct: input in backticks", "Action: run_python\nAction Input: `print(4)`", "print(4)", "react"),
    answer("ReAct: Finish[…]", "Thought: I have it.\nAction: Finish[42 units]", "42 units", "react"),
    answer("ReAct: final_answer as action", "Thought: I have it.\nAction: final_answer\nAction Input: 42 units", "42 units", "react"),
    answer("ReAct: Final Answer over two lines", "Thought: I now know the final answer.\nFinal Answer: North leads\nwith 5 units.", "North leads\nwith 5 units.", "final_line"),
    answer("prose with an Action: line is prose", "Action: none is needed, the table is complete.", "Action: none is needed, the table is complete."),
    returned("ReAct: a function that is none", "Thought: look it up.\nAction: Search\nAction Input: revenue 2024", "There is no function Search", "react"),
    returned("ReAct: cut in its input", "Thought: sum.\nAction: run_python\nAction Input: print(1 +", "cut at the token limit, inside an action", "react", finish="length"),
]  # fmt: skip

FRAMEWORKS = [
    action("smolagents: Code: and <end_code>", f"Thought: I will sum.\nCode:\n```py\n{LOOP}\n```<end_code>", LOOP, "fence"),
    action("smolagents: prose after <end_code>", f"Thought: sum.\n```py\n{LOOP}\n```<end_code>\nNow I wait.", LOOP, "fence"),
    action("smolagents: final_answer in code", "Thought: done.\nCode:\n```py\nfinal_answer(total / 2)\n```<end_code>", "final_answer(total / 2)", "fence"),
    action("CodeActAgent: a thought, then execute", f"To find the total, I will add the units.\n<execute>\n{LOOP}\n</execute>", LOOP, "execute"),
    action("CodeActAgent: end token after the tag", "<execute> print(5) </execute></s>", "print(5)", "execute"),
    answer("CodeActAgent: solution after a thought", "The sum was confirmed.\n<solution> 15 </solution>", "15", "solution"),
    action("AutoGen: a fence, then TERMINATE", f"```python\n{LOOP}\n```\nTERMINATE", LOOP, "fence"),
    answer("AutoGen: prose, then TERMINATE", "The total is 15.\nTERMINATE", "The total is 15."),
    action("AutoGen: # filename first", "```python\n# filename: sum.py\nprint(15)\n```", "# filename: sum.py\nprint(15)", "fence"),
    calls("Open Interpreter: language and code", ("execute", json.dumps({"language": "python", "code": LOOP})), expected=LOOP),
    calls("final_answer as a tool call", ("final_answer", '{"answer": "15 units"}'), kind="answer", expected="15 units"),
    calls("final_answer with a number", ("final_answer", '{"answer": 15}'), kind="answer", expected="15"),
    calls("final_answer with a list", ("final_answer", '{"rows": [1, 2]}'), kind="answer", expected="[1, 2]"),
    calls("code and final_answer at once: the code is run first", ("run_python", code("x")), ("final_answer", '{"answer": "15"}'), expected="x"),
    calls("a call with literal line breaks", ("run_python", '{"code": "a = 1\nprint(a)"}'), expected="a = 1\nprint(a)"),
    calls("a prefixed name", ("functions.run_python", code(LOOP)), expected=LOOP),
    action("Qwen2.5-Math: a program, then an output of its own", f"```python\n{LOOP}\n```\n```output\n15\n```\nThe total is \\boxed{{15}}.", LOOP, "fence", blocks=1),
    answer("boxed", "The total is $\\boxed{15}$.", "The total is $\\boxed{15}$."),
    answer("a heading Final Answer", "The rows were summed.\n\n### Final Answer\n15 units", "15 units", "final_line"),
    action("Qwen3: thinking, then code", f"<think>\nOkay, the user wants a sum. Maybe:\n```python\nsum(rows)\n```\nbut rows are dicts.\n</think>\n\nI'll add the units.\n\n```python\n{LOOP}\n```", LOOP, "fence", blocks=1),
    action("Magistral: [THINK]", f"[THINK]```python\nno()\n```[/THINK]```python\n{LOOP}\n```", LOOP, "fence", blocks=1),
    action("Seed: its own thinking tag", f"<seed:think>hm</seed:think>\n```python\n{LOOP}\n```", LOOP, "fence"),
    answer("Sky-T1: thought and solution tokens", "<|begin_of_thought|>\nprint(1)?\n<|end_of_thought|>\n<|begin_of_solution|>\n15 units\n<|end_of_solution|>", "15 units", "solution"),
    action("a numbered plan before the code", f"Plan:\n1. Read the file\n2. Sum\n\nStep 1:\n\n```python\n{LOAD}\n```", LOAD, "fence"),
    action("Gemini: tool_code, then an output of its own", f"```tool_code\n{LOOP}\n```\n```tool_outputs\n15\n```", LOOP, "fence", blocks=1),
    action("a notebook's cell in a quotation of its result", f"Running:\n\n```python\n{LOOP}\n```\n\n> 15", LOOP, "fence"),
    action("a fence, and the tool's reply made up", f"```python\n{LOOP}\n```\n<tool_response>\n15\n</tool_response>\n```python\nfinal_answer(15)\n```", LOOP, "fence", blocks=1),
    action("French prose, guillemets", f"Je calcule la somme « totale ».\n```python\n{LOOP}\n```", LOOP, "fence"),
    action("Chinese prose, full-width colon", f"我先读取文件：\n```python\n{LOAD}\n```", LOAD, "fence"),
    answer("a bash block alone is no action", "Run this yourself:\n```bash\npip install x\n```", "Run this yourself:\n```bash\npip install x\n```"),
    answer("an SQL block alone is no action", "```sql\nSELECT 1\n```", "```sql\nSELECT 1\n```"),
    action("an f-string with backticks in the code", "```python\nprint(f'`{x}` and ``{y}``')\n```", "print(f'`{x}` and ``{y}``')", "fence"),
    action("a docstring with a heading in the code", '```python\ndef f():\n    """\n    # Final Answer: no\n    """\nf()\n```', 'def f():\n    """\n    # Final Answer: no\n    """\nf()', "fence"),
]  # fmt: skip

# What a model of 135 million parameters does: the fence is right, and little else.
SMALL = [
    action("small: task repeated as a comment, no call", "```python\n# Sum the units of all rows.\ndef sum_units(rows):\n    return sum(rows)\n```\n\nThis function takes a list of rows and returns the sum.", "# Sum the units of all rows.\ndef sum_units(rows):\n    return sum(rows)", "fence"),
    action("small: the same block again and again, cut", "```python\nprint(1)\n```\n\n```python\nprint(1)\n```\n\nThe output", "print(1)\n\nprint(1)", "fence", finish="length", blocks=2),
    returned("small: a loop of one line, cut", "```python\n" + "x = x + 1\n" * 30, "inside a code block", "fence", finish="length"),
    answer("small: repeats the question", "You asked: what is the total of all units? The total of all units is the total.", "You asked: what is the total of all units? The total of all units is the total."),
    action("small: opener twice", "```python\n```python\nprint(2)\n```", "print(2)", "fence"),
    action("small: python as a word on the first line", "```\npython\nprint(2)\n```", "print(2)", "fence"),
    action("small: the word Python before the fence", "Python:\n```\nprint(2)\n```", "print(2)", "fence"),
    action("small: two backticks more at the end", "```python\nprint(2)\n`````", "print(2)", "fence"),
    action("small: a call that lacks a brace", '<tool_call>\n{"name": "run_python", "arguments": {"code": "print(2)"}\n</tool_call>', "print(2)", "tool_call"),
    calls("small: arguments that lack a brace", ("run_python", '{"code": "print(2)"'), expected="print(2)"),
    answer("small: a row that looks like a call", '{"name": "answer", "units": 5}', '{"name": "answer", "units": 5}'),
    calls("small: a final answer without one", ("final_answer", "{}"), kind="returned", expected="Your call of final_answer held no answer"),
    action("small: an instruction's echo, then code", "<|im_start|>assistant\n```python\nprint(2)\n```", "print(2)", "fence"),
]  # fmt: skip

FAMILIES = [*SPECIAL_TOKENS, *REACT, *FRAMEWORKS, *SMALL]
