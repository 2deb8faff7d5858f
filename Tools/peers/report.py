"""What a comparison found, as JSON and as Markdown."""

import json
import statistics

from engines import PERCEPT


def fastest(engines):
    """The engine with the smallest median among those that count, or None."""
    counted = [engine for engine in engines if engine.problem is None]
    return min(counted, key=lambda engine: statistics.median(engine.seconds), default=None)


def paired_ratio(peer, percept, field):
    """Median over the rounds of the peer's time by Percept's: what else the machine does meets both."""
    return statistics.median(a / b for a, b in zip(getattr(peer, field), getattr(percept, field)))


def row(engine, percept):
    head = f"| {engine.name} {engine.version} | {engine.precision} |"
    if engine.problem is not None:
        return f"{head} – | – | – | – | – | cannot: {engine.problem.replace('|', '/')} |"
    milliseconds = sorted(1000 * seconds for seconds in engine.seconds)
    ratios = ["–", "–"]
    if percept and engine.name != PERCEPT:
        ratios = [f"{paired_ratio(engine, percept, field):.2f}" for field in ("seconds", "processor")]
    return (
        f"{head} {statistics.median(milliseconds):.0f} | {milliseconds[0]:.0f} to {milliseconds[-1]:.0f} | "
        f"{1000 * statistics.median(engine.processor):.0f} | {ratios[0]} | {ratios[1]} | cosine {engine.cosine:.6f} |")


def summary(found):
    """The fastest Percept, the fastest peer, and the peer's time by Percept's; None where one of them is missing."""
    percept = fastest([engine for engine in found if engine.name == PERCEPT])
    peer = fastest([engine for engine in found if engine.name != PERCEPT])
    if not percept or not peer:
        return percept, peer, None
    return percept, peer, {field: paired_ratio(peer, percept, field) for field in ("seconds", "processor")}


def markdown(about, found):
    percept, peer, ratios = summary(found)
    device = percept.device if percept else "no device"
    lines = [
        f"# {about['model']}, batch 1, {about['driver']}", "",
        f"{device}; {about['processors']} x {about['processor']}; {about['date']}; load average "
        f"{about['load_before']:.1f} before and {about['load_after']:.1f} after.", "",
        "Milliseconds from the tensor in host memory to the embedding in host memory, the engines in turn; ratios are "
        "medians over the rounds, to Percept in its faster precision, by the clock and by processor time.", "",
        "| engine | precision | median | range | processor | ratio | of processor time | |",
        "|---|---|---|---|---|---|---|---|", *(row(engine, percept) for engine in found), ""]
    if ratios:
        lines.append(
            f"Best peer that counts: {peer.label}. Percept {percept.precision} is {ratios['seconds']:.2f} times as fast, "
            f"{ratios['processor']:.2f} times by processor time.")
    else:
        lines.append("Nothing to compare: " + ("no peer counts." if percept else "Percept did not run."))
    return "\n".join(lines) + "\n"


def write_reports(folder, about, found):
    """Writes DRIVER-MODEL.json and .md into `folder`; returns the Markdown."""
    percept, peer, ratios = summary(found)
    document = about | {
        "engines": [
            {key: value for key, value in vars(engine).items() if key not in ("program", "needs", "launcher")} for engine in found],
        "percept": percept and percept.label, "best_peer": peer and peer.label, "ratios": ratios}
    text = markdown(about, found)
    for suffix, content in ((".json", json.dumps(document, indent=1) + "\n"), (".md", text)):
        path = folder / f"{about['driver']}-{about['model']}{suffix}"
        partial = path.with_suffix(".partial")
        partial.write_text(content)
        partial.rename(path)
    return text
