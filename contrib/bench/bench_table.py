"""One table for the results of all servers under all loads, with ratios to the first server."""

from statistics import median

HEADERS = ["load", "protocol", "server", "ops/s", "p50 ms", "p99 ms", "p99.9 ms", "CPU us/op", "ops/s x", "p99.9 x",
           "CPU x", "others", "misses", "errors"]


class Row:
    """The medians of one server's rounds under one load; misses and errors are sums."""

    def __init__(self, results):
        def middle(field):
            return median(getattr(result, field) for result in results)

        self.ops_per_s, self.p50, self.p99, self.p99_9 = map(middle, ("ops_per_s", "p50", "p99", "p99_9"))
        self.cpu = middle("cpu_us_per_op")
        self.misses = sum(result.misses for result in results)
        self.errors = sum(result.errors for result in results)
        self.disturbance = max(result.disturbance for result in results)


def ratio(value, reference):
    return f"{value / reference:.2f}" if reference else "-"


def cells(load, protocol, name, row, first):
    return [load.title, protocol, name, f"{row.ops_per_s:,.0f}", f"{row.p50:.3f}", f"{row.p99:.3f}",
            f"{row.p99_9:.3f}", f"{row.cpu:.2f}", ratio(row.ops_per_s, first.ops_per_s),
            ratio(row.p99_9, first.p99_9), ratio(row.cpu, first.cpu), f"{row.disturbance:.2f}",
            str(row.misses), str(row.errors)]


def is_number(text):
    return text.replace(",", "").replace(".", "").isdigit() or text == "-"


def render(headers, rows, markdown):
    """Text with aligned columns; as markdown when asked for."""
    widths = [max(len(line[i]) for line in [headers] + rows) for i in range(len(headers))]
    right = [bool(rows) and all(is_number(row[i]) for row in rows) for i in range(len(headers))]

    def line(values):
        fitted = [value.rjust(width) if is_right else value.ljust(width)
                  for value, width, is_right in zip(values, widths, right)]
        return "| " + " | ".join(fitted) + " |" if markdown else "  ".join(fitted).rstrip()

    rule = ["-" * (width - 1) + (":" if is_right else "-") for width, is_right in zip(widths, right)]
    below = line(rule) if markdown else "  ".join("-" * width for width in widths)
    return "\n".join([line(headers), below] + [line(row) for row in rows])
