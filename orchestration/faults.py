"""What keeps a year from being loaded."""


class LandingRefused(Exception):
    """Faults that keep a year from being loaded.

    Attributes:
        reasons: One line for each fault: file, row, column, what was expected, what to do.
    """

    def __init__(self, reasons: list[str]) -> None:
        super().__init__("\n".join(reasons))
        self.reasons = reasons
