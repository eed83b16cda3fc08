"""A department's scores as formulas over cells with what was delivered and what the rubric says.

Each formula says what a model of `models/intermediate` does: the measure (`int_measures__valued`),
the points of a method (`int_points__linear`, `__band`, `__step`), what counts where there is no
value (`int_criteria__valued`), the choice (`int_criteria__awarded`), the indicator
(`int_indicators__scored`) and the total (`int_evaluations__totalled`). They use functions that
Excel, WPS and LibreOffice have had for long.

A cell has beside its formula the value that the marts have for it, so that a program that computes
nothing shows it; what is on the way to it and not in the marts is empty until it is computed.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal

from xlsxwriter.utility import xl_rowcol_to_cell

from orchestration.report.read import Department, Published, Row, Rubric

FORM, CRITERIA, MEASURES, PARTS, BANDS, PARAMETERS = (
    "评分表", "计算", "指标数据", "指标合成", "分档", "参数",
)  # fmt: skip
NOT_APPLICABLE, NO_NUMBER = "不适用", "未填数"
AGREES, DIFFERS = "一致", "不一致"
YES, NO = "是", "否"
# Decimals that a sum of floating-point numbers is trusted to, before it is rounded as scores are.
TRUSTED = 12
# Floating-point numbers that differ by less are the same.
SAME = "0.000000001"

Value = Decimal | str | None
Position = tuple[int, int]


@dataclass(frozen=True)
class Formula:
    """A formula, and the value that the marts have for it."""

    text: str
    value: Value


@dataclass(frozen=True)
class Sheet:
    """A sheet of the computation: a row of heads, and cells by row and column below it."""

    name: str
    heads: tuple[str, ...]
    rows: list[list[Value | Formula]]


CRITERION_HEADS = (
    "三级指标", "要点编码", "评分要点", "计分方法", "分值", "满分值", "超过满分值时", "阈值",
    "方向", "步长", "每步扣分", "步数取整", "指标无值时", "分母为 0 时", "择一组", "指标编码",
    "指标状态", "指标值", "评定值", "评定说明", "采用值", "方法得分", "初步依据", "初步得分",
    "择一排序值", "择一名次", "依据", "得分", "计入分值", "否决", "数仓依据", "数仓得分", "核对",
    "说明",
)  # fmt: skip
(
    INDICATOR, CODE, CLAUSE, METHOD, POINTS, FULL_MARK_AT, OVER_TARGET, THRESHOLD, DIRECTION,
    STEP_SIZE, PER_STEP, ROUNDING, WHEN_UNDEFINED, WHEN_UNBOUNDED, CHOICE, MEASURE, STATUS, VALUE,
    ASSESSED, TOLD, USED, BY_METHOD, FIRST_BASIS, FIRST_POINTS, CHOICE_KEY, PLACE, BASIS, AWARDED,
    COUNTED, VETO, MART_BASIS, MART_POINTS, CHECK, EXPLANATION,
) = range(len(CRITERION_HEADS))  # fmt: skip
MEASURE_HEADS = (
    "指标编码", "指标", "计算方式", "分子", "分母", "指标值", "状态", "数仓指标值", "数仓状态",
    "核对",
)  # fmt: skip
PART_HEADS = ("指标编码", "位置", "组成指标", "组成指标值", "状态", "上限", "权重", "计入值")
BAND_HEADS = (
    "三级指标", "要点编码", "下限", "含下限", "上限", "含上限", "得分", "上限处得分", "采用值",
    "本档得分",
)  # fmt: skip
NOTES = (
    "蓝色为所报数据和评分标准中的数，黑色由公式计算；“数仓”各列为已发布的结果。",
    "电子表格只有 15 位有效数字，得分按评分标准的小数位四舍五入后比较。",
)
# In the sheet of parameters.
STATUS_ROW, DECIMALS_ROW, TOTAL_ROW, GRADES_ROW = 1, 2, 3, 6


def text(value: str) -> str:
    """A text as a formula writes it."""
    return '"' + value.replace('"', '""') + '"'


def ref(sheet: str, row: int, column: int) -> str:
    """A cell, as a formula of any sheet names it."""
    return f"'{sheet}'!{xl_rowcol_to_cell(row, column, row_abs=True, col_abs=True)}"


def span(sheet: str, first: int, last: int, column: int) -> str:
    """Cells below each other, both rows included."""
    end = xl_rowcol_to_cell(last, column, row_abs=True, col_abs=True)
    return f"{ref(sheet, first, column)}:{end}"


def here(row: int, column: int) -> str:
    """A cell, as a formula of its own sheet names it."""
    return str(xl_rowcol_to_cell(row, column))


def here_span(first: int, last: int, column: int) -> str:
    """Cells below each other, as a formula of their own sheet names them."""
    return f"{here(first, column)}:{here(last, column)}"


def agrees(one: str, other: str) -> str:
    """Whether two cells hold the same number or the same text."""
    return (
        f"IF(AND(ISNUMBER({one}),ISNUMBER({other})),"
        f"IF(ABS({one}-{other})<{SAME},{text(AGREES)},{text(DIFFERS)}),"
        f'IF(AND(NOT(ISNUMBER({one})),NOT(ISNUMBER({other})),{one}&""={other}&""),'
        f"{text(AGREES)},{text(DIFFERS)}))"
    )


class Computation:
    """The sheets that a department's score form is computed from.

    Args:
        department: The department.
        rubric: Its official rubric.
        published: What all departments share.
    """

    def __init__(self, department: Department, rubric: Rubric, published: Published) -> None:
        self.department, self.rubric, self.published = department, rubric, published
        self.status = str((department.evaluation or {}).get("status"))
        self.criteria = [
            (indicator, criterion)
            for indicator in self.rubric.indicators
            for criterion in self.rubric.criteria.get(indicator["indicator_code"], [])
        ]
        self.rows_of: dict[str, tuple[int, int]] = {}
        for row, (indicator, _) in enumerate(self.criteria, start=1):
            first, _ = self.rows_of.get(indicator["indicator_code"], (row, row))
            self.rows_of[indicator["indicator_code"]] = (first, row)
        self.measures: dict[str, int] = {}
        for _, criterion in self.criteria:
            self._add_measure(criterion["measure_code"])
        self.parts = [
            (code, part)
            for code in self.measures
            for part in published.measures.parts.get(code, [])
        ]
        self.bands = [
            (row, indicator, band)
            for row, (indicator, criterion) in enumerate(self.criteria, start=1)
            for band in self.rubric.bands.get(criterion["criterion_code"], [])
        ]

    def _add_measure(self, code: str | None) -> None:
        if code is None or code in self.measures:
            return
        self.measures[code] = len(self.measures) + 1
        for part in self.published.measures.parts.get(code, []):
            self._add_measure(part["input_measure"])

    def basis(self, code: str) -> str:
        """The label of a basis, as a formula writes it."""
        return text(self.published.label("basis", code))

    def measure_status(self, code: str) -> str:
        """The label of a measure's status, as a formula writes it."""
        return text(self.published.label("fct_measures.status", code))

    @property
    def is_blocked(self) -> str:
        """Whether a critical data rule blocks the department."""
        label = self.published.label("fct_evaluations.status", "blocked")
        return f"{ref(PARAMETERS, STATUS_ROW, 1)}={text(label)}"

    @property
    def decimals(self) -> str:
        """The cell with the decimals of scores."""
        return ref(PARAMETERS, DECIMALS_ROW, 1)

    def rounded(self, formula: str) -> str:
        """A score, rounded half up to the rubric's decimals."""
        return f"ROUND(ROUND({formula},{TRUSTED}),{self.decimals})"

    def sheets(self) -> Iterator[Sheet]:
        """The sheets, those that people look at first in front."""
        yield Sheet(CRITERIA, CRITERION_HEADS, [*self._criteria()])
        yield Sheet(MEASURES, MEASURE_HEADS, [*self._measures()])
        yield Sheet(PARTS, PART_HEADS, [*self._parts()])
        yield Sheet(BANDS, BAND_HEADS, [*self._bands()])
        parameters: list[list[Value | Formula]] = [
            ["评价状态", self.published.label("fct_evaluations.status", self.status)],
            ["得分小数位数", Decimal(self.rubric.score_decimals)],
            ["总分", self.rubric.total_points],
            [],
            ["等级", "起点分"],
        ]
        parameters += [[grade["grade"], grade["lower"]] for grade in self.rubric.grades]
        parameters.append([])
        for note in NOTES:
            parameters.append([note])
        yield Sheet(PARAMETERS, ("参数", "值"), parameters)

    # Measures.

    def _measures(self) -> Iterator[list[Value | Formula]]:
        for code, row in self.measures.items():
            defined = self.published.measures.rows.get(code, {})
            found = self.department.measures.get(code, {})
            parts = self._rows_of_parts(code)
            numerator, denominator = found.get("numerator"), found.get("denominator")
            cells = {
                name: here(row, column)
                for column, name in enumerate(
                    ("code", "name", "way", "numerator", "denominator", "value", "status")
                )
            }
            yield [
                code,
                defined.get("name_zh"),
                self.published.label("quotient", defined.get("quotient") or ""),
                self._sum(code, parts, "numerator", numerator) if parts else numerator,
                self._sum(code, parts, "denominator", denominator) if parts else denominator,
                Formula(
                    f"IF({cells['status']}={self.measure_status('defined')},"
                    f'ROUND({cells["numerator"]}/{cells["denominator"]},10),"")',
                    found.get("value"),
                ),
                Formula(
                    self._status(cells["numerator"], cells["denominator"], parts),
                    self._status_of(code),
                ),
                found.get("value"),
                self._status_of(code),
                Formula(
                    f"IF(AND({agrees(cells['value'], here(row, 7))}={text(AGREES)},"
                    f"{cells['status']}={here(row, 8)}),{text(AGREES)},{text(DIFFERS)})",
                    AGREES,
                ),
            ]

    def _status_of(self, code: str) -> str:
        status = self.department.measures.get(code, {}).get("status", "missing")
        return self.published.label("fct_measures.status", status)

    def _rows_of_parts(self, code: str) -> dict[str, tuple[int, int]]:
        """Of a measure made of others, the first and last row of its parts, by role and of all."""
        found: dict[str, tuple[int, int]] = {}
        for row, (of, part) in enumerate(self.parts, start=1):
            if of == code:
                for role in (part["role"], "all"):
                    found[role] = (found.get(role, (row, row))[0], row)
        return found

    def _sum(
        self, code: str, parts: dict[str, tuple[int, int]], role: str, value: Value
    ) -> Formula:
        """The sum of a measure's parts, where each has a value."""
        states = span(PARTS, *parts["all"], 4)
        quotient = self.published.measures.rows[code]["quotient"]
        if role == "denominator" and quotient == "mean":
            summed = f"COUNT({span(PARTS, *parts['numerator'], 7)})"
        elif role in parts:
            summed = f"SUM({span(PARTS, *parts[role], 7)})"
        else:
            summed = "1"
        if role == "numerator" and quotient == "absolute":
            summed = f"ABS({summed})"
        return Formula(
            f'IF(SUMPRODUCT(({states}<>{self.measure_status("defined")})*1)>0,"",{summed})',
            value,
        )

    def _status(self, numerator: str, denominator: str, parts: dict[str, tuple[int, int]]) -> str:
        formula = (
            f'IF(OR({numerator}="",{denominator}=""),{self.measure_status("missing")},'
            f"IF({denominator}<>0,{self.measure_status('defined')},"
            f"IF({numerator}=0,{self.measure_status('undefined')},"
            f"{self.measure_status('unbounded')})))"
        )
        for status in ("undefined", "unbounded", "missing") if parts else ():
            states, label = span(PARTS, *parts["all"], 4), self.measure_status(status)
            formula = f"IF(SUMPRODUCT(({states}={label})*1)>0,{label},{formula})"
        return formula

    def _parts(self) -> Iterator[list[Value | Formula]]:
        for row, (code, part) in enumerate(self.parts, start=1):
            of = part["input_measure"]
            found = self.department.measures.get(of, {})
            value, cap, weight = found.get("value"), part["cap"], part["weight"]
            used = value if value is None or cap is None else min(value, cap)
            cell, most = here(row, 3), here(row, 5)
            yield [
                code,
                self.published.label("role", part["role"]),
                of,
                Formula(ref(MEASURES, self.measures[of], 5), value),
                Formula(ref(MEASURES, self.measures[of], 6), self._status_of(of)),
                cap,
                weight,
                Formula(
                    f'IF(ISNUMBER({cell}),IF({most}="",{cell},MIN({cell},{most}))'
                    f'*{here(row, 6)},"")',
                    None if used is None else used * weight,
                ),
            ]

    # Bands.

    def _bands(self) -> Iterator[list[Value | Formula]]:
        for row, (of, indicator, band) in enumerate(self.bands, start=1):
            lower, has_lower, upper, has_upper, points, at_upper, value = (
                here(row, column) for column in range(2, 9)
            )
            found = self.department.criteria.get(band["criterion_code"], {}).get("measure_value")
            yield [
                indicator["level3"],
                band["criterion_code"],
                band["lower"],
                YES if band["lower_inclusive"] else NO,
                band["upper"],
                YES if band["upper_inclusive"] else NO,
                band["points"],
                band["upper_points"],
                Formula(ref(CRITERIA, of, USED), found),
                Formula(
                    f'IF(NOT(ISNUMBER({value})),"",IF(AND('
                    f'OR({lower}="",{value}>{lower},AND({value}={lower},{has_lower}={text(YES)})),'
                    f'OR({upper}="",{value}<{upper},AND({value}={upper},{has_upper}={text(YES)}))),'
                    f'IF({points}="","",{points}+IF({at_upper}="",0,'
                    f'({at_upper}-{points})*({value}-{lower})/({upper}-{lower}))),""))',
                    points_in(band, found),
                ),
            ]

    # Criteria.

    def _criteria(self) -> Iterator[list[Value | Formula]]:
        for row, (indicator, criterion) in enumerate(self.criteria, start=1):
            yield self._criterion(row, indicator, criterion)

    def _criterion(self, row: int, indicator: Row, criterion: Row) -> list[Value | Formula]:
        code, label = criterion["criterion_code"], self.published.label
        found = self.department.criteria.get(code, {})
        basis, points = found.get("basis", "missing"), found.get("points_awarded")
        assessment = self.department.assessments.get(code)
        measure = criterion["measure_code"]
        is_passed_over = basis == "not_chosen"
        c = [here(row, column) for column in range(len(CRITERION_HEADS))]
        cells: list[Value | Formula] = [None] * len(CRITERION_HEADS)
        cells[INDICATOR], cells[CODE] = indicator["level3"], code
        cells[CLAUSE] = criterion["standard_zh"]
        cells[METHOD] = label("method", criterion["method"])
        cells[POINTS] = criterion["points"] or Decimal(0)
        for column, name in (
            (FULL_MARK_AT, "full_mark_at"), (THRESHOLD, "threshold"), (STEP_SIZE, "step_size"),
            (PER_STEP, "points_per_step"), (CHOICE, "choice"),
        ):  # fmt: skip
            cells[column] = criterion[name]
        for column, name in (
            (OVER_TARGET, "over_target"), (DIRECTION, "direction"), (ROUNDING, "step_rounding"),
            (WHEN_UNDEFINED, "when_undefined"), (WHEN_UNBOUNDED, "when_unbounded"),
        ):  # fmt: skip
            cells[column] = label(name, criterion[name]) if criterion[name] else None
        cells[MEASURE] = measure
        if measure is not None:
            cells[STATUS] = Formula(ref(MEASURES, self.measures[measure], 6),
                                    self._status_of(measure))  # fmt: skip
            cells[VALUE] = Formula(
                ref(MEASURES, self.measures[measure], 5),
                self.department.measures.get(measure, {}).get("value"),
            )
        if assessment is not None:
            if assessment["value"] is not None and assessment["column_name"] == "value":
                cells[ASSESSED] = assessment["value"]
            else:
                is_out = assessment["column_name"] != "value"
                cells[TOLD] = assessment["told"] if is_out else NO_NUMBER
        used = c[VALUE] if measure is not None else c[ASSESSED]
        takes_value = measure is not None or criterion["method"] in ("band", "step", "veto")
        cells[USED] = (
            Formula(f'IF(ISNUMBER({used}),{used},"")', found.get("measure_value"))
            if takes_value
            else None
        )
        by_method = self._by_method(row, criterion, c)
        if by_method:
            has_value = found.get("measure_value") is not None
            is_by_method = has_value and (basis == "computed" or measure is None)
            cells[BY_METHOD] = Formula(by_method, points if is_by_method else None)
        cells[FIRST_BASIS] = Formula(
            self._first_basis(criterion, c),
            None if is_passed_over or basis == "withheld" else label("basis", basis),
        )
        cells[FIRST_POINTS] = Formula(
            self._first_points(criterion, c), None if is_passed_over else points
        )
        is_last = self._choose(row, criterion, c, cells)
        withheld, none = self.basis("withheld"), self.basis("not_chosen")
        cells[BASIS] = Formula(
            f"IF({self.is_blocked},{withheld},"
            + (f"IF({is_last},{none},{c[FIRST_BASIS]}))" if is_last else f"{c[FIRST_BASIS]})"),
            label("basis", basis),
        )
        passed = f"AND(ISNUMBER({c[PLACE]}),{c[PLACE]}>1)" if is_last else ""
        hidden = f"OR({self.is_blocked},{passed})" if passed else self.is_blocked
        cells[AWARDED] = Formula(f'IF({hidden},"",{c[FIRST_POINTS]})', points)
        out = f"{c[FIRST_BASIS]}={self.basis('excluded')}"
        cells[COUNTED] = Formula(
            f"IF({f'OR({out},{passed})' if passed else out},0,{c[POINTS]})",
            Decimal(0)
            if basis in ("excluded", "not_chosen") or self._is_passed_over(criterion)
            else criterion["points"] or Decimal(0),
        )
        cells[VETO] = (
            Formula(
                f"IF(AND(ISNUMBER({c[USED]}),{c[USED]}>0),1,0)",
                Decimal((found.get("measure_value") or 0) > 0),
            )
            if criterion["method"] == "veto"
            else Decimal(0)
        )
        cells[MART_BASIS], cells[MART_POINTS] = label("basis", basis), points
        cells[CHECK] = Formula(
            f"IF(AND({c[BASIS]}={c[MART_BASIS]},"
            f"{agrees(c[AWARDED], c[MART_POINTS])}={text(AGREES)}),{text(AGREES)},{text(DIFFERS)})",
            AGREES,
        )
        cells[EXPLANATION] = found.get("explanation_zh")
        return cells

    def _is_passed_over(self, criterion: Row) -> bool:
        """Whether of a choice that has no points at all another one comes first."""
        if not criterion["choice"]:
            return False
        missing = [
            other["criterion_code"]
            for other in self.rubric.criteria[criterion["indicator_code"]]
            if other["choice"] == criterion["choice"]
            and self.department.criteria.get(other["criterion_code"], {}).get("basis") == "missing"
        ]
        return criterion["criterion_code"] in missing[1:]

    def _by_method(self, row: int, criterion: Row, c: list[str]) -> str:
        """Points by the method, of a value; nothing without one."""
        value, points, method = c[USED], c[POINTS], criterion["method"]
        label = self.published.label

        def is_(column: int, domain: str, code: str) -> str:
            return f"{c[column]}={text(label(domain, code))}"

        def given(column: int, default: str) -> str:
            return f'IF({c[column]}="",{default},{c[column]})'

        if method == "linear":
            full, goes_on = given(FULL_MARK_AT, "1"), is_(OVER_TARGET, "over_target", "exceed")
            formula = (
                f"IF({is_(DIRECTION, 'direction', 'below')},"
                f"IF({value}<={full},{points},{points}*{full}/{value}),"
                f"IF({value}<=0,0,IF(OR({value}<={full},{goes_on}),"
                f"{points}*{value}/{full},"
                f"IF({is_(OVER_TARGET, 'over_target', 'zero')},0,{points}))))"
            )
        elif method == "step":
            apart = f"({value}-{given(THRESHOLD, '0')})"
            excess = (
                f"IF({is_(DIRECTION, 'direction', 'below')},MAX(-{apart},0),"
                f"IF({is_(DIRECTION, 'direction', 'both')},ABS({apart}),MAX({apart},0)))"
            )
            steps = f"{excess}/{given(STEP_SIZE, '1')}"
            counted = (
                f"IF({is_(ROUNDING, 'step_rounding', 'proportional')},{steps},"
                f"IF({is_(ROUNDING, 'step_rounding', 'up')},ROUNDUP(ROUND({steps},6),0),"
                f"INT(ROUND({steps},6))))"
            )
            off = f"{c[PER_STEP]}*{counted}"
            formula = f"IF({points}=0,-{off},MAX({points}-{off},0))"
        elif method == "band":
            rows = [place for place, (of, *_) in enumerate(self.bands, start=1) if of == row]
            if not rows:
                return ""
            bands = span(BANDS, rows[0], rows[-1], 9)
            formula = f'IF(COUNT({bands})=0,"",SUM({bands}))'
        else:
            return ""
        return f'IF(ISNUMBER({value}),{formula},"")'

    def _without_value(self, c: list[str], option: str) -> str:
        """Whether the rubric says so of a measure that has no value."""
        said = []
        for status, column, domain in (
            ("undefined", WHEN_UNDEFINED, "when_undefined"),
            ("unbounded", WHEN_UNBOUNDED, "when_unbounded"),
        ):
            is_it = f"{c[column]}={text(self.published.label(domain, option))}"
            if option == "zero":
                is_it = f'OR({c[column]}="",{is_it})'
            said.append(f"AND({c[STATUS]}={self.measure_status(status)},{is_it})")
        return f"OR({','.join(said)})"

    def _falls_back(self, criterion: Row, c: list[str]) -> str:
        """Whether an assessor has the word though there is a measure."""
        reasons = [
            f"{c[STATUS]}={self.measure_status('missing')}", self._without_value(c, "assessed"),
        ]  # fmt: skip
        if criterion["method"] == "band":
            silent = f'{c[BY_METHOD]}=""'
            reasons.append(f"AND({c[STATUS]}={self.measure_status('defined')},{silent})")
        return f"OR({','.join(reasons)})"

    def _first_basis(self, criterion: Row, c: list[str]) -> str:
        """The basis, before one of a choice is chosen."""
        assessed = f"ISNUMBER({c[ASSESSED]})"
        if criterion["method"] == "veto":
            without = f'IF({c[TOLD]}<>"",{self.basis("missing")},{self.basis("default")})'
        else:
            without = (
                f"IF({c[TOLD]}={text(NOT_APPLICABLE)},{self.basis('excluded')},"
                f"{self.basis('missing')})"
            )
        by_assessor = f"IF({assessed},{self.basis('assessed')},{without})"
        if criterion["measure_code"] is None:
            return by_assessor
        undefined = f"{c[STATUS]}={self.measure_status('undefined')}"
        return (
            f"IF({self._falls_back(criterion, c)},{by_assessor},"
            f"IF({self._without_value(c, 'exclude')},{self.basis('excluded')},"
            f"IF(OR({self._without_value(c, 'full')},{undefined}),{self.basis('default')},"
            f"{self.basis('computed')})))"
        )

    def _first_points(self, criterion: Row, c: list[str]) -> str:
        """The points, before one of a choice is chosen."""
        method, points = criterion["method"], c[POINTS]
        if method == "veto":
            given = "0"
        elif criterion["measure_code"] is None and method in ("step", "band"):
            given = c[BY_METHOD]
        else:
            held = f"MIN(MAX({c[ASSESSED]},0),{points})"
            if method == "step":
                held = f"IF({points}=0,-MAX({c[ASSESSED]},0),{held})"
            given = held
            if criterion["measure_code"] is not None:
                by_method = c[BY_METHOD] if method != "assessed" else '""'
                given = (
                    f"IF({self._without_value(c, 'zero')},0,"
                    f"IF({self._without_value(c, 'full')},{points},"
                    f"IF({c[FIRST_BASIS]}={self.basis('assessed')},{held},{by_method})))"
                )
        none = ",".join(
            f"{c[FIRST_BASIS]}={self.basis(basis)}" for basis in ("missing", "excluded")
        )
        return f'IF(OR({none}),"",{given})'

    def _choose(self, row: int, criterion: Row, c: list[str], cells: list[Value | Formula]) -> str:
        """Of a criterion of a choice its place, which is written; whether another one counts.

        The one with the most points comes first, of equals the first of the rubric; one that is not
        applicable is no candidate.
        """
        if not criterion["choice"]:
            return ""
        first, last = self.rows_of[criterion["indicator_code"]]

        def among(end: int, key: str) -> str:
            choices, bases, keys = (
                here_span(first, end, column) for column in (CHOICE, FIRST_BASIS, CHOICE_KEY)
            )
            return (
                f"SUMPRODUCT(({choices}={c[CHOICE]})*({bases}<>{self.basis('excluded')})"
                f"*({keys}{key}))"
            )

        cells[CHOICE_KEY] = Formula(
            f"IF(ISNUMBER({c[FIRST_POINTS]}),ROUND({c[FIRST_POINTS]},{TRUSTED}),-1E+99)", None
        )
        before = f"+{among(row - 1, '=' + c[CHOICE_KEY])}" if row > first else ""
        cells[PLACE] = Formula(
            f'IF({c[FIRST_BASIS]}={self.basis("excluded")},"",'
            f"1+{among(last, '>' + c[CHOICE_KEY])}{before})",
            None,
        )
        return f"AND(ISNUMBER({c[PLACE]}),{c[PLACE]}>1,{among(last, '>-1E+98')}>0)"

    # What the form shows.

    def score(self, indicator: Row, points: str) -> str:
        """An indicator's score, or why it has none.

        Args:
            indicator: The indicator, as in dim_indicators.
            points: The cell of its points.
        """
        if indicator["indicator_code"] not in self.rows_of:
            return self.basis("missing")
        rows = self.rows_of[indicator["indicator_code"]]
        bases, awarded, counted, vetoes = (
            span(CRITERIA, *rows, column) for column in (BASIS, AWARDED, COUNTED, VETO)
        )
        excluded = f"SUMPRODUCT(({bases}={self.basis('excluded')})*1)>0"
        scaled = f"IF({excluded},{points}/SUM({counted}),1)"
        held = f"MIN(MAX(SUM({awarded})*{scaled},0),{points})"
        return (
            f"IF({self.is_blocked},{self.basis('withheld')},"
            f"IF(SUMPRODUCT(({bases}={self.basis('missing')})*1)>0,{self.basis('missing')},"
            f"IF(AND({excluded},SUM({counted})=0),{self.basis('excluded')},"
            f"IF(SUM({vetoes})>0,0,{self.rounded(held)}))))"
        )

    def total(self, scores: str, points: str, no_score: str) -> str:
        """The total, or that there is none.

        Args:
            scores: The cells of the scores.
            points: The cells of the indicators' points, beside them.
            no_score: What is said where there is none.
        """
        excluded, counted = f"SUMPRODUCT(({scores}={self.basis('excluded')})*1)", f"COUNT({scores})"
        left = f"SUMPRODUCT(ISNUMBER({scores})*{points})"
        whole = ref(PARAMETERS, TOTAL_ROW, 1)
        scaled = f"IF({excluded}=0,SUM({scores}),SUM({scores})*{whole}/{left})"
        return (
            f"IF(OR({counted}=0,{counted}+{excluded}<COUNTA({scores})),{text(no_score)},"
            f"{self.rounded(scaled)})"
        )

    def grade(self, total: str, no_grade: str) -> str:
        """The grade of a total, or that there is none."""
        last = GRADES_ROW - 1 + len(self.rubric.grades)
        names, lowers = (span(PARAMETERS, GRADES_ROW, last, column) for column in (0, 1))
        return f"IF(ISNUMBER({total}),INDEX({names},MATCH({total},{lowers},1)),{text(no_grade)})"


def points_in(band: Row, value: Decimal | None) -> Decimal | None:
    """The points that a band gives a value; none where it does not hold it, or has none.

    Args:
        band: Its row of dim_bands.
        value: The value, if there is one.
    """
    lower, upper = band["lower"], band["upper"]
    if value is None or band["points"] is None:
        return None
    if lower is not None and (value < lower or (value == lower and not band["lower_inclusive"])):
        return None
    if upper is not None and (value > upper or (value == upper and not band["upper_inclusive"])):
        return None
    if band["upper_points"] is None:
        return Decimal(band["points"])
    slope = (band["upper_points"] - band["points"]) * (value - lower) / (upper - lower)
    return Decimal(band["points"] + slope)
