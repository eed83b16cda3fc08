"""The rules by which a compiled model, DuckDB's SQL, becomes Spark's.

sqlglot translates what it knows and passes on what it does not know, without a word; some of what
it translates means something else on Spark. So each kind of node and each function that a model has
stands here, as the same on both engines or with its rule, and whatever does not is refused.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import count
from typing import Any

import sqlglot
from sqlglot import exp

# sqlglot's nodes tell what they have by name, not by type.
Rule = Callable[[Any], Any]
Columns = Mapping[tuple[str, str], Sequence[str]]


class Unknown(Exception):
    """A construct of a model that no rule is known for.

    Args:
        model: The model.
        what: The construct, why it is refused, what to do.
    """

    def __init__(self, model: str, what: str) -> None:
        super().__init__(f"{model}: {what}")


class _Refused(Exception):
    pass


# Seen in models, and the same on both engines as sqlglot writes them.
SAME: tuple[type[Any], ...] = (
    *(exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Distinct),
    *(exp.Subquery, exp.CTE, exp.TableAlias, exp.Join, exp.Values, exp.Alias, exp.Identifier),
    *(exp.Column, exp.Literal, exp.Null, exp.Boolean, exp.Paren, exp.If, exp.Case, exp.Var),
    *(exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.Between, exp.And, exp.Or),
    *(exp.Not, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Coalesce, exp.Nullif, exp.Greatest, exp.Least),
    *(exp.Add, exp.Sub, exp.Mul, exp.Mod, exp.Neg, exp.Abs, exp.Round, exp.Floor, exp.Ceil),
    *(exp.DPipe, exp.Replace, exp.Length, exp.Repeat, exp.Translate, exp.StartsWith, exp.EndsWith),
    *(exp.SplitPart, exp.Year, exp.Quarter, exp.Month, exp.LastDay, exp.DateFromParts),
    *(exp.DateDiff, exp.Sum, exp.Count, exp.Min, exp.Max, exp.LogicalAnd, exp.LogicalOr),
    *(exp.GroupConcat, exp.Rank, exp.DenseRank, exp.RowNumber, exp.FirstValue, exp.Array),
    *(exp.ArraySize, exp.ArrayFilter, exp.Transform, exp.ArrayMax, exp.ArrayMin),
    *(exp.ArrayToString, exp.MapKeys, exp.MapFromEntries, exp.Struct, exp.PropertyEQ, exp.Dot),
    *(exp.DataTypeParam, exp.ColumnDef),
)
# Their types; TIMESTAMPTZ is what Spark calls a timestamp.
TYPES = {
    *("TEXT", "DECIMAL", "INT", "BIGINT", "DATE", "BOOLEAN", "ARRAY", "STRUCT", "TIMESTAMPTZ"),
}
# The same of the functions that sqlglot has no node for.
SAME_FUNCTIONS = {"map_entries", "cardinality"}


def to_spark(sql: str, model: str, columns: Columns) -> str:
    """A compiled model as Spark runs it, under ANSI and the settings of the target `spark`.

    Args:
        sql: The model as dbt has compiled it, in DuckDB's SQL.
        model: Its name, for what is told of it.
        columns: The columns of each table and view that a model may read, by schema and name.

    Returns:
        Spark's SQL.

    Raises:
        Unknown: It has a construct that no rule is known for.
    """
    try:
        if re.search(r"\blen\s*\(", sql):
            raise _Refused(
                "len(): Spark's length() is of texts alone; write array_length() of a list, "
                "length() of a text"
            )
        tree = sqlglot.parse_one(sql, read="duckdb")
        _write_columns_out(tree, columns)
        # What is inside comes before what it is in, so that a rule finds its parts as they stay.
        for node in [*tree.walk(bfs=False)][::-1]:
            known = _known(node)
            if node is tree:
                tree = known
            elif known is not node:
                node.replace(known)
        return tree.sql("spark", unsupported_level=sqlglot.ErrorLevel.RAISE, comments=False)
    except (_Refused, sqlglot.errors.SqlglotError) as refused:
        raise Unknown(model, " ".join(str(refused).split())) from None


def _known(node: Any) -> Any:
    """A node as its rule leaves it."""
    if isinstance(node, exp.Anonymous):
        name = node.name.lower()
        if name in FUNCTIONS:
            return FUNCTIONS[name](node)
        if name not in SAME_FUNCTIONS:
            raise _Refused(
                f"{name}(): no rule is known for it; write it with functions that spark/rules.py "
                "knows, or add its rule there"
            )
        return node
    if type(node) in RULES:
        return RULES[type(node)](node)
    if type(node) not in SAME:
        raise _Refused(
            f"{type(node).__name__} ({_short(node)}): no rule is known for it; write it with what "
            "spark/rules.py knows, or add its rule there"
        )
    return node


def _short(node: Any) -> str:
    text = node.sql("duckdb", comments=False)
    return text if len(text) <= 60 else f"{text[:57]}…"


def _call(name: str, *arguments: Any) -> Any:
    """A call of a function of Spark's."""
    return exp.Anonymous(this=name, expressions=[a for a in arguments if a is not None])


def _number(value: int) -> Any:
    return exp.Literal.number(value)


def _data_type(node: Any) -> Any:
    """128 bits are 38 digits, and a sum or product that has more ends with an error on both."""
    if node.is_type("INT128"):
        return exp.DataType.build("decimal(38, 0)", dialect="spark")
    if node.this.name not in TYPES:
        raise _Refused(f"type {node.sql('duckdb')}: no rule is known for it; cast to another")
    return node


WHOLE_TYPES = (exp.DataType.Type.INT, exp.DataType.Type.BIGINT)
# What is no decimal, so that nothing of it is rounded.
WHOLE = (
    *(exp.Boolean, exp.Null, exp.SplitPart, exp.Count, exp.Sum, exp.Round, exp.Predicate),
    *(exp.Contains, exp.RegexpExtract),
)


def _cast(node: Any) -> Any:
    """DuckDB rounds a decimal to a whole number, Spark cuts it; other casts are the same."""
    if node.to.this not in WHOLE_TYPES:
        return node
    value = node.this.unnest()
    value = value.this if isinstance(value, exp.Filter) else value
    if isinstance(value, WHOLE) or value.name in ("contains", "try_element_at"):
        return node
    if isinstance(value, exp.Column) and re.match("is_|has_", value.name):
        return node
    node.set("this", exp.Round(this=node.this, decimals=_number(0)))
    return node


def _try_cast(node: Any) -> Any:
    """Of a text with decimals DuckDB makes a whole number, Spark nothing."""
    if node.to.this in WHOLE_TYPES:
        raise _Refused(f"{_short(node)}: no rule is known for it; try_cast to a decimal, and round")
    return node


# Of 38 digits Spark's quotient has 20 before the point: by less than this it is made of two.
SMALL = 10**18
WHOLE_QUOTIENT = sqlglot.parse_one(
    f"""
    if(
        abs(each.d) < {SMALL},
        cast((each.h - each.h % each.d) / each.d as decimal(38, 0)) * {SMALL}
        + cast((each.r - each.r % each.d) / each.d as decimal(38, 0)),
        cast((each.n - each.n % each.d) / each.d as decimal(38, 0))
    )
    """,
    read="spark",
)


def _int_div(node: Any) -> Any:
    """Spark's `div` has 64 bits; its quotient of decimals is exact where it is whole.

    A list of one binds what is divided, which would stand there many times.
    """
    n, d = (
        exp.cast(part, "decimal(38, 0)", dialect="spark") for part in (node.this, node.expression)
    )
    each = sqlglot.parse_one(
        f"""
        struct(
            each.n as n,
            each.d as d,
            cast((each.n - each.n % {SMALL}) / {SMALL} as decimal(38, 0)) as h,
            if(
                abs(each.d) < {SMALL},
                cast((each.n - each.n % {SMALL}) / {SMALL} as decimal(38, 0)) % each.d * {SMALL}
                + each.n % {SMALL},
                null
            ) as r
        )
        """,
        read="spark",
    )
    both = exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=value)
            for name, value in (("n", n), ("d", d))
        ]
    )
    name = [exp.to_identifier("each")]
    found: Any = exp.Array(expressions=[both])
    for body in (each, WHOLE_QUOTIENT.copy()):
        found = _call("transform", found, exp.Lambda(this=body, expressions=[*name]))
    return _call("element_at", found, _number(1))


def _div(node: Any) -> Any:
    """A double on DuckDB, whatever is divided."""
    n, d = (exp.cast(exp.paren(part), "double") for part in (node.this, node.expression))
    return exp.Div(this=n, expression=d, typed=True)


def _sign(node: Any) -> Any:
    """A double on Spark."""
    return exp.cast(exp.Sign(this=node.this), "int")


def _trunc(node: Any) -> Any:
    """Of dates on Spark."""
    if node.args.get("decimals") is not None:
        raise _Refused("trunc() to decimals: no rule is known for it; use floor()")
    x = node.this
    return exp.If(
        this=exp.LT(this=x.copy(), expression=_number(0)),
        true=exp.Ceil(this=x.copy()),
        false=exp.Floor(this=x),
    )


def _pattern(node: Any) -> Any:
    r"""A pattern that Java reads as RE2 does.

    Java's `$` holds before a last line's end too, its `\s` has a vertical tab, its `.` stops at
    more than a line feed.
    """
    if node.is_string and "(?" in node.this:
        raise _Refused(f"(? in a pattern ({node.this}): not known to be the same on Spark")
    if not isinstance(node, exp.Literal) or not node.is_string:
        raise _Refused("a pattern that is no literal: no rule is known for it; write it out")
    in_class = has_dot = False
    parts: list[str] = []
    text = iter(node.this)
    for character in text:
        if character == "\\":
            parts.append(_escaped(next(text, ""), in_class))
            continue
        if in_class:
            if character in "[&":
                raise _Refused(f"{character} in a class of a pattern: not the same on Spark")
            in_class = character != "]"
        elif character == "[":
            in_class = True
        has_dot = has_dot or (character == "." and not in_class)
        parts.append(r"\z" if character == "$" and not in_class else character)
    return exp.Literal.string(("(?d)" if has_dot else "") + "".join(parts))


def _escaped(character: str, in_class: bool) -> str:
    if character == "s":
        return r"\t\n\f\r " if in_class else r"[\t\n\f\r ]"
    if character not in "dD" and (character.isalnum() or not character):
        raise _Refused(f"\\{character} in a pattern: not known to be the same on Spark")
    return "\\" + character


def _regexp_extract(node: Any) -> Any:
    """Without a group it is the first one on Spark."""
    group = node.args.get("group") or _number(0)
    return _call("regexp_extract", node.this, _pattern(node.expression), group)


def _regexp_like(node: Any) -> Any:
    return exp.RegexpLike(this=node.this, expression=_pattern(node.expression))


def _regexp_replace(node: Any) -> Any:
    r"""Spark replaces every match, and what it puts there has `$1` for `\1`."""
    pattern, new = node.expression, node.args["replacement"]
    if not new.is_string or "$" in new.this or node.args.get("modifiers"):
        raise _Refused(f"{_short(node)}: with options, $ or no literal; no rule is known for it")
    if not pattern.is_string or not (pattern.this[:1] == "^" or pattern.this[-1:] == "$"):
        raise _Refused(
            f"{_short(node)}: of several matches DuckDB replaces the first, Spark each; begin the "
            "pattern with ^ or end it with $"
        )
    put = exp.Literal.string(re.sub(r"\\(\d)", r"$\1", new.this))
    return _call("regexp_replace", node.this, _pattern(pattern), put)


def _format(node: Any) -> Any:
    """Braces alone, and {:,} of a whole number."""
    values = iter(node.expressions)
    put: list[Any] = []
    for piece in re.split(
        r"(\{[^}]*\})", node.this.this if node.this.is_string else "{no literal}"
    ):
        if piece == "{}":
            put.append(exp.cast(next(values), "string", dialect="spark"))
        elif piece == "{:,}":
            put.append(_call("format_number", next(values), _number(0)))
        elif piece[:1] == "{":
            raise _Refused(f"format() with {piece}: no rule is known for it; use ||")
        elif piece:
            put.append(exp.Literal.string(piece))
    return _call("concat", *put)


def _chr(node: Any) -> Any:
    """Of 256 characters on Spark."""
    (code,) = node.expressions
    if not code.is_int:
        raise _Refused("chr() of what is no literal: no rule is known for it")
    return exp.Literal.string(chr(int(code.this)))


def _trim(node: Any) -> Any:
    """Without characters Spark trims the space alone, DuckDB every separator of Unicode."""
    if node.expression:
        return node
    spaces = exp.Literal.string(r"^\p{Zs}+|\p{Zs}+\z")
    return _call("regexp_replace", node.this, spaces, exp.Literal.string(""))


def _bracket(node: Any) -> Any:
    """Beyond its end a list has nothing. sqlglot counts from 0."""
    (index,) = node.expressions
    if isinstance(index, exp.Slice):
        first = index.this or _number(1)
        last = index.expression or _call("size", node.this.copy())
        length: Any = exp.Add(
            this=exp.Sub(this=exp.paren(last), expression=exp.paren(first.copy())),
            expression=_number(1),
        )
        length = exp.Greatest(this=length, expressions=[_number(0)])
        return _call("slice", node.this, first, length)
    if isinstance(index, exp.Literal) and not index.is_string:
        index = _number(int(index.this) + 1)
    return _call("try_element_at", node.this, index)


def _list(node: Any) -> Any:
    """Spark's lists leave out what is empty, have no order and are there without any row.

    A filter stands inside of what becomes of it.
    """
    asked = node.this if isinstance(node, exp.Filter) else node
    if node is asked and isinstance(node.parent, exp.Filter):
        return node
    value, is_sorted = asked.this, isinstance(node.parent, exp.ArraySort)
    order = []
    if isinstance(value, exp.Order):
        order, value = _ascending(value), value.this
    is_distinct = isinstance(value, exp.Distinct)
    if is_distinct:
        (value,) = value.expressions
    if is_sorted:
        fields = value.expressions if isinstance(value, exp.Struct) else []
        order = [field.expression for field in fields] or [value]
    gathered = _call("collect_list", _element(order, value))
    if isinstance(node, exp.Filter):
        gathered = exp.Filter(this=gathered, expression=node.expression)
    if order:
        gathered = _call("array_sort", gathered)
    each = exp.to_identifier("each")
    taken = exp.Dot(this=each.copy(), expression=exp.to_identifier("v"))
    found = _call("transform", gathered, exp.Lambda(this=taken, expressions=[each]))
    if is_distinct:
        found = _call("array_distinct", found)
    found = exp.Nullif(this=found, expression=exp.Array(expressions=[]))
    found.meta["is_sorted"] = is_sorted
    return found


def _ascending(order: Any) -> list[Any]:
    if any(ordered.args.get("desc") for ordered in order.expressions):
        raise _Refused("list() in descending order: no rule is known for it")
    return [ordered.this for ordered in order.expressions]


def _element(order: list[Any], value: Any) -> Any:
    """A value behind what it is sorted by: empty ones last, inside of a structure too."""
    keys = []
    for key in order:
        keys += [exp.Is(this=exp.paren(key.copy()), expression=exp.null()), key.copy()]
    fields = [*((f"k{n}", key) for n, key in enumerate(keys)), ("v", value)]
    return exp.Struct(
        expressions=[
            exp.PropertyEQ(this=exp.to_identifier(name), expression=field) for name, field in fields
        ]
    )


def _filter(node: Any) -> Any:
    return _list(node) if isinstance(node.this, exp.ArrayAgg) else node


def _array_sort(node: Any) -> Any:
    """Of structures with empty fields the order is not the same."""
    if node.this.meta.get("is_sorted"):
        return node.this
    if isinstance(node.this, exp.Anonymous) and node.this.name == "array_compact":
        return _call("array_sort", node.this)
    raise _Refused(f"{_short(node)}: no rule is known for it; sort what list() gathers")


def _array_distinct(node: Any) -> Any:
    """DuckDB leaves out what is empty."""
    return _call("array_compact", _call("array_distinct", node.this))


def _any_value(node: Any) -> Any:
    """The first that is not empty, where a filter may follow."""
    if not isinstance(node.this, exp.AnyValue):
        raise _Refused(f"{_short(node)}: no rule is known for it")
    return _call("any_value", node.this.this, exp.true())


def _arg(name: str) -> Rule:
    def rule(node: Any) -> Any:
        """DuckDB passes over rows whose value is empty."""
        if isinstance(node.parent, exp.Filter):
            raise _Refused(f"{_short(node)} with a filter: no rule is known for it")
        is_there = exp.Not(this=exp.Is(this=exp.paren(node.this.copy()), expression=exp.null()))
        return exp.Filter(
            this=_call(name, node.this, node.expression), expression=exp.Where(this=is_there)
        )

    return rule


def _window(node: Any) -> Any:
    """Spark has no filter over a window, and numbers no rows without an order.

    Nor does a window see what the same query has just named.
    """
    function, select = node.this, node.find_ancestor(exp.Select)
    named = {made.alias for made in select.expressions if isinstance(made, exp.Alias)}
    for column in node.find_all(exp.Column):
        if not column.table and column.name in named:
            raise _Refused(
                f"{column.name} in a window, named in the same query: Spark does not see it there; "
                "name it in a query before"
            )
    if isinstance(function, exp.Filter):
        condition = function.expression.this
        aggregate = function.this
        if isinstance(aggregate.this, exp.Star):
            aggregate.set("this", _number(1))
        if not isinstance(aggregate, exp.Count | exp.Sum | exp.Max | exp.Min | exp.LogicalOr):
            raise _Refused(f"{_short(function)} over a window: no rule is known for it")
        aggregate.set("this", exp.If(this=condition, true=aggregate.this, false=exp.null()))
        node.set("this", aggregate)
    if isinstance(function, exp.RowNumber) and not node.args.get("order") and not node.alias:
        node.set("order", exp.Order(expressions=[exp.Ordered(this=exp.null())]))
    return node


def _explode(node: Any) -> Any:
    """Structures are opened by a function of their own."""
    return _call("inline" if node.expressions else "explode", node.this)


def _series(node: Any) -> Any:
    series = node.this
    alias = node.args["alias"]
    (column,) = alias.columns
    if series.args.get("is_end_exclusive"):
        raise _Refused("range(): no rule is known for it; write generate_series()")
    days = _call(
        "explode", _call("sequence", series.args["start"], series.args["end"], series.args["step"])
    )
    return exp.select(exp.alias_(days, column)).subquery(alias.this)


def _select(node: Any) -> Any:
    """Of a `qualify` sqlglot makes a query whose `select *` has a column more."""
    if not node.args.get("qualify"):
        return node
    inner = node.copy()
    ctes, condition = inner.args.pop("with_", None), inner.args.pop("qualify").this
    if inner.args.get("distinct"):
        raise _Refused("distinct with qualify: no rule is known for it; make it two queries")
    inner.append("expressions", exp.alias_(exp.paren(condition), "is_kept"))
    outer = exp.select(exp.Star(except_=[exp.column("is_kept")]))
    outer = outer.from_(inner.subquery("qualified")).where(exp.column("is_kept"))
    outer.set("with_", ctes)
    return outer


def _interval(node: Any) -> Any:
    """Added to a date it makes a moment on DuckDB, a date on Spark."""
    if isinstance(node.parent, exp.GenerateSeries):
        return node
    raise _Refused(f"{_short(node)}: no rule is known for it; use make_date() or last_day()")


def _left(node: Any) -> Any:
    """Fewer than none counts from the end on DuckDB."""
    if not node.expression.is_int:
        raise _Refused(f"{_short(node)}: how many is no literal; no rule is known for it")
    return node


def _lambda(node: Any) -> Any:
    """A second name is the place in the list, from 1 on DuckDB and from 0 on Spark."""
    if len(node.expressions) != 1:
        raise _Refused(f"{_short(node)}: no rule is known for it; take the element alone")
    return node


def _star(node: Any) -> Any:
    if node.args.get("rename"):
        raise _Refused(f"{_short(node)}: no rule is known for it; exclude the column and name it")
    return node


def _table(node: Any) -> Any:
    """A table is in a schema; Spark has one catalogue."""
    if isinstance(node.this, exp.GenerateSeries):
        return _series(node)
    node.set("catalog", None)
    return node


def _in(node: Any) -> Any:
    """Columns together are not a structure."""
    query = node.args.get("query")
    if query is not None and isinstance(node.this, exp.Tuple):
        select = query.this
        if len(select.expressions) == 1 and isinstance(select.expressions[0], exp.Tuple):
            select.set("expressions", select.expressions[0].expressions)
    return node


def _tuple(node: Any) -> Any:
    if isinstance(node.parent, exp.In | exp.Values) or (
        isinstance(node.parent, exp.Select) and isinstance(node.parent.parent, exp.Subquery)
    ):
        return node
    raise _Refused(f"{_short(node)}: no rule is known for it; compare each column")


def _union(node: Any) -> Any:
    if not isinstance(node, exp.Union):
        raise _Refused(f"{_short(node)}: no rule is known for it")
    return node


def _with(node: Any) -> Any:
    """Spark's recursion keeps rows that are alike: they become one where it is read.

    sqlglot writes what stands in a subquery above all, so that it has a name of its own there.
    """
    query = node.parent
    for cte in [*node.expressions]:
        if query.parent is not None:
            taken = {each.alias for each in node.root().find_all(exp.CTE)}
            name = next(f"{cte.alias}_{n}" for n in count(2) if f"{cte.alias}_{n}" not in taken)
            _rename(query, cte.alias, name)
            cte.args["alias"].set("this", exp.to_identifier(name))
        rows = cte.this
        if not isinstance(rows, exp.Union) or not rows.args.get("distinct"):
            continue
        within = [table for table in rows.find_all(exp.Table) if _is_named(table, cte.alias)]
        if not within:
            continue
        rows.set("distinct", False)
        name = f"{cte.alias}_once"
        _rename(query, cte.alias, name, but=within)
        after = exp.CTE(
            this=exp.select("*").distinct().from_(cte.alias),
            alias=exp.TableAlias(this=exp.to_identifier(name)),
        )
        at = node.expressions.index(cte) + 1
        node.set("expressions", [*node.expressions[:at], after, *node.expressions[at:]])
    return node


def _is_named(table: exp.Table, name: str) -> bool:
    return table.name == name and not table.db


def _rename(query: Any, name: str, to: str, but: Sequence[Any] = ()) -> None:
    """Have a query read an expression of its own by another name."""
    kept = {id(table) for table in but}
    for table in query.find_all(exp.Table):
        if _is_named(table, name) and id(table) not in kept:
            alias = table.alias or name
            table.set("this", exp.to_identifier(to))
            table.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))


def _time_zone(node: Any) -> Any:
    """The clock's time there, whatever the time zone of the session is."""
    here = _call("current_timezone")
    there = exp.cast(node.this, exp.DataType.build("timestamp_ntz", dialect="spark"))
    return _call("convert_timezone", here, node.args["zone"], there)


def _from_json(node: Any) -> Any:
    if node.expression.name != '"MAP(VARCHAR, VARCHAR)"':
        raise _Refused(f"{_short(node)}: no rule is known for it")
    return _call("from_json", node.this, exp.Literal.string("map<string, string>"))


def _json_extract(node: Any) -> Any:
    path = "$" + "".join(f".{key.name}" for key in node.expression.find_all(exp.JSONPathKey))
    return _call("get_json_object", node.this, exp.Literal.string(path))


def _array_concat(node: Any) -> Any:
    """An empty list adds nothing."""
    lists = [node.this, *node.expressions]
    none = exp.Array(expressions=[])
    return _call("concat", *(exp.Coalesce(this=each, expressions=[none.copy()]) for each in lists))


def _array_contains(node: Any) -> Any:
    """Not found is false, though an element be empty."""
    found = _call("array_contains", _call("array_compact", node.this), node.expression)
    return found


def _split(node: Any) -> Any:
    """By a text on DuckDB, by a pattern on Spark."""
    if not node.expression.is_string:
        raise _Refused(f"{_short(node)}: by what is no literal; no rule is known for it")
    return _call("split", node.this, exp.Literal.string(re.escape(node.expression.this)))


def _list_has_all(node: Any) -> Any:
    has, asked = node.expressions
    missing = _call("size", _call("array_except", _call("array_compact", asked), has))
    return exp.paren(exp.EQ(this=missing, expression=_number(0)))


def _map_concat(node: Any) -> Any:
    """One that is empty adds nothing; of a key that both have the later counts."""
    first, second = (
        exp.Coalesce(this=each, expressions=[_call("map")]) for each in node.expressions
    )
    key = exp.to_identifier("each")
    kept = _call(
        "map_filter",
        first,
        exp.Lambda(
            this=exp.Not(this=_call("map_contains_key", second.copy(), key.copy())),
            expressions=[key, exp.to_identifier("_")],
        ),
    )
    return _call("map_concat", kept, second)


def _renamed(name: str) -> Rule:
    def rule(node: Any) -> Any:
        parts = [node.this, node.expression, *node.expressions]
        parts = node.expressions if isinstance(node, exp.Anonymous | exp.ConcatWs) else parts
        return _call(name, *(part for part in parts if isinstance(part, exp.Expression)))

    return rule


def _map(node: Any) -> Any:
    return _call("map_from_arrays", node.args["keys"], node.args["values"])


def _inside(node: Any) -> Any:
    """Part of what its own rule has seen to."""
    return node


FUNCTIONS: dict[str, Rule] = {
    "map_contains": _renamed("map_contains_key"),
    "map_concat": _map_concat,
    "list_has_all": _list_has_all,
    "error": _renamed("raise_error"),
}
RULES: dict[type[Any], Rule] = {
    exp.Select: _select,
    exp.Qualify: _inside,
    exp.Table: _table,
    exp.GenerateSeries: _inside,
    exp.DataType: _data_type,
    exp.Cast: _cast,
    exp.TryCast: _try_cast,
    exp.Interval: _interval,
    exp.Left: _left,
    exp.Lambda: _lambda,
    exp.Star: _star,
    exp.IntDiv: _int_div,
    exp.Div: _div,
    exp.Sign: _sign,
    exp.Trunc: _trunc,
    exp.RegexpExtract: _regexp_extract,
    exp.RegexpLike: _regexp_like,
    exp.RegexpReplace: _regexp_replace,
    exp.Format: _format,
    exp.ConcatWs: _renamed("concat_ws"),
    exp.Contains: _renamed("contains"),
    exp.Chr: _chr,
    exp.Trim: _trim,
    exp.Bracket: _bracket,
    exp.Slice: _inside,
    exp.ArrayAgg: _list,
    exp.Filter: _filter,
    exp.ArraySort: _array_sort,
    exp.ArrayDistinct: _array_distinct,
    exp.ArrayConcat: _array_concat,
    exp.ArrayContains: _array_contains,
    exp.Split: _split,
    exp.AnyValue: _inside,
    exp.IgnoreNulls: _any_value,
    exp.ArgMax: _arg("max_by"),
    exp.ArgMin: _arg("min_by"),
    exp.Window: _window,
    exp.Explode: _explode,
    exp.Unnest: _inside,
    exp.In: _in,
    exp.Tuple: _tuple,
    exp.Union: _union,
    exp.With: _with,
    exp.AtTimeZone: _time_zone,
    exp.FromJson: _from_json,
    exp.JSONExtract: _json_extract,
    exp.JSONPath: _inside,
    exp.JSONPathRoot: _inside,
    exp.JSONPathKey: _inside,
    exp.Map: _map,
}


def _write_columns_out(tree: Any, columns: Columns) -> None:
    """Spark knows no union by name and no `* replace`: their columns are written out."""
    for node in [*tree.walk(bfs=False)][::-1]:
        if isinstance(node, exp.Select):
            put: list[Any] = []
            for projection in node.expressions:
                star = projection.this if isinstance(projection, exp.Column) else projection
                replaced = star.args.get("replace") if isinstance(star, exp.Star) else None
                if not replaced:
                    put.append(projection)
                    continue
                instead = {each.alias: each for each in replaced}
                of = projection.table if isinstance(projection, exp.Column) else ""
                put += [
                    instead.get(name) or exp.column(name, table=of or None)
                    for name in _columns_of(projection, node, columns)
                ]
            node.set("expressions", put)
        elif isinstance(node, exp.Union) and node.args.get("by_name"):
            sides = {side: _names(node.args[side], columns) for side in ("this", "expression")}
            names = list(dict.fromkeys(name for of in sides.values() for name in of))
            for side, given in sides.items():
                written = [
                    exp.column(name) if name in given else exp.alias_(exp.null(), name)
                    for name in names
                ]
                query = node.args[side].copy()
                node.set(side, exp.select(*written).from_(query.subquery("side")))
            node.set("by_name", False)


def _names(query: Any, columns: Columns) -> list[str]:
    """The columns that a query gives, in their order."""
    if isinstance(query, exp.Subquery):
        return _names(query.this, columns)
    if isinstance(query, exp.Union):
        names = _names(query.this, columns)
        more = _names(query.expression, columns) if query.args.get("by_name") else []
        return list(dict.fromkeys([*names, *more]))
    return [
        name for projection in query.expressions for name in _columns_of(projection, query, columns)
    ]


def _columns_of(projection: Any, select: exp.Select, columns: Columns) -> list[str]:
    """The columns that one entry of a select's list gives."""
    if isinstance(projection, exp.Explode) and projection.expressions:
        return [field.name for field in next(projection.find_all(exp.Struct)).expressions]
    if not projection.is_star:
        return [projection.alias_or_name]
    of = projection.table if isinstance(projection, exp.Column) else ""
    star = projection.this if isinstance(projection, exp.Column) else projection
    joined = [j.this for j in select.args.get("joins") or () if j.kind not in ("ANTI", "SEMI")]
    sources = [select.args["from_"].this, *joined]
    if of:
        sources = [source for source in sources if source.alias_or_name == of]
    left_out = {each.name for each in star.args.get("except_") or ()}
    names = [name for source in sources for name in _source_names(source, columns)]
    return [name for name in dict.fromkeys(names) if name not in left_out]


def _source_names(source: Any, columns: Columns) -> Sequence[str]:
    if isinstance(source, exp.Subquery):
        return _names(source.this, columns)
    if not isinstance(source, exp.Table):
        return [column.name for column in source.args["alias"].columns]
    if source.db:
        known = columns.get((source.db, source.name))
        if known is None:
            raise _Refused(f"{source.db}.{source.name}: no columns of it are described")
        return known
    scope: Any = source
    while scope is not None:
        for cte in (scope.args.get("with_") or exp.With(expressions=[])).expressions:
            if cte.alias == source.name:
                return [c.name for c in cte.args["alias"].columns] or _names(cte.this, columns)
        scope = scope.parent
    raise _Refused(f"{source.name}: no table or expression of that name")
