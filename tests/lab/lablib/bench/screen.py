"""What a terminal shows after the bytes that a program wrote to it.

Just enough of a terminal for programs that draw with cursor moves and erasing, as
crossterm and tcell do: text without colours. It is fed after the measurement, with
what was read and when, so that its own cost is in no figure.
"""

import re

TOKEN = re.compile(
    rb"\x1b\[(?P<args>[0-9;:<=>?]*)[ -/]*(?P<final>[@-~])"  # control sequence
    rb"|\x1b[\]P^_X].*?(?:\x07|\x1b\\)"                     # a string: a title, a query
    rb"|\x1b[ -/]+[0-~]|\x1b[0-OQ-WYZ\\`-~]"                # two or three bytes, as `ESC ( B`
    rb"|(?P<control>[\x00-\x1a\x1c-\x1f\x7f])"
    rb"|(?P<text>[^\x00-\x1f\x7f]+)", re.DOTALL)
FRAME = b"\x1b[?2026l"  # the end of a synchronized update


class Screen:
    def __init__(self, columns, rows):
        self.columns, self.height = columns, rows
        self.rest = b""
        self.clear()

    def clear(self):
        self.cells = [[" "] * self.columns for _ in range(self.height)]
        self.x = self.y = 0
        self.saved = (0, 0)
        self.last = " "

    def feed(self, data):
        data = self.rest + data
        at = 0
        while at < len(data):
            token = TOKEN.match(data, at)
            if token is None or (token.end() == len(data) and self._cut(token)):
                break  # the rest of it comes with the next read
            at = token.end()
            if token["text"]:
                self._put(token["text"].decode(errors="replace"))
            elif token["final"]:
                self._control(token["final"], token["args"])
            elif token["control"]:
                self._byte(token["control"])
        self.rest = data[at:]

    @staticmethod
    def _cut(token):
        """Whether a text ends within a character."""
        text = token["text"]
        if not text:
            return False
        for back in range(1, min(4, len(text)) + 1):
            if text[-back] >= 0xC0:
                return back < (2 if text[-back] < 0xE0 else 3 if text[-back] < 0xF0 else 4)
            if text[-back] < 0x80:
                return False
        return False

    def _put(self, text):
        for sign in text:
            if self.x >= self.columns:
                self.x, self.y = 0, min(self.y + 1, self.height - 1)
            self.cells[self.y][self.x] = sign
            self.x += 1
        self.last = text[-1]

    def _byte(self, byte):
        if byte == b"\r":
            self.x = 0
        elif byte == b"\b":
            self.x = max(0, self.x - 1)
        elif byte == b"\n":
            if self.y == self.height - 1:
                self.cells = [*self.cells[1:], [" "] * self.columns]
            else:
                self.y += 1
        elif byte == b"\t":
            self.x = min(self.columns - 1, self.x // 8 * 8 + 8)

    def _control(self, final, args):
        if args[:1] in (b"?", b">", b"<", b"="):
            if args in (b"?1049", b"?47", b"?1047"):
                self.clear()
            return
        numbers = [int(part) if part.isdigit() else 0 for part in args.split(b";")]
        first = max(1, numbers[0])
        if final in b"Hf":
            self.y = min(first, self.height) - 1
            self.x = min(max(1, numbers[1] if len(numbers) > 1 else 1), self.columns) - 1
        elif final in b"ABCD":
            self.y = min(max(0, self.y + {b"A": -first, b"B": first}.get(final, 0)), self.height - 1)
            self.x = min(max(0, self.x + {b"C": first, b"D": -first}.get(final, 0)), self.columns - 1)
        elif final in b"G`":
            self.x = min(first, self.columns) - 1
        elif final == b"d":
            self.y = min(first, self.height) - 1
        elif final == b"J":
            whole = {0: range(self.y + 1, self.height), 1: range(self.y), 2: range(self.height), 3: range(0)}
            for row in whole.get(numbers[0], range(0)):
                self.cells[row] = [" "] * self.columns
            if numbers[0] in (0, 1):
                self._erase(numbers[0])
        elif final == b"K":
            self._erase(numbers[0])
        elif final == b"X":
            self.cells[self.y][self.x:self.x + first] = [" "] * len(self.cells[self.y][self.x:self.x + first])
        elif final == b"b":
            self._put(self.last * first)
        elif final == b"P":
            row = self.cells[self.y]
            row[self.x:] = row[self.x + first:] + [" "] * min(first, self.columns - self.x)
        elif final == b"s":
            self.saved = (self.x, self.y)
        elif final == b"u":
            self.x, self.y = self.saved

    def _erase(self, how):
        row = self.cells[self.y]
        start, stop = {0: (self.x, self.columns), 1: (0, self.x + 1), 2: (0, self.columns)}.get(how, (0, 0))
        row[start:stop] = [" "] * (stop - start)

    def lines(self):
        return ["".join(row) for row in self.cells]

    def text(self):
        return "\n".join(self.lines())
