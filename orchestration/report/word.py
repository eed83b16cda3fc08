"""A form as a Word document.

The page, its styles and its footer are made with python-docx, once; a form's own paragraphs and
tables are written as their XML in one piece, because cell by cell 1,000 departments take minutes.
"""

import zipfile
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from io import BytesIO
from typing import Any, BinaryIO
from xml.sax.saxutils import escape

import docx
from docx.enum.section import WD_ORIENT
from docx.enum.text import WD_ALIGN_PARAGRAPH
from docx.oxml import parse_xml
from docx.oxml.ns import nsdecls, qn
from docx.shared import Mm, Pt

from orchestration.report.layout import Form, Line, Placed, Table
from orchestration.report.texts import printable

BODY = "word/document.xml"
UNUSED = {"thumbnail", "stylesWithEffects", "customXml", "numbering", "webSettings"}
A4 = (210, 297)
MARGINS = (15, 15)
# Where a machine has none of them, it takes its own for Chinese by what the attribute is for.
LATIN = "Times New Roman"
FONTS = {
    "title": "宋体",
    "line": "仿宋",
    "strong": "仿宋",
    "body": "仿宋",
    "note": "宋体",
    "table": "宋体",
}
SIZES = {"title": 18, "line": 12, "strong": 12, "body": 12, "note": 9, "table": 9}
BOLD = ("title", "strong")
CELL_XML = {
    "head": '<w:jc w:val="center"/>',
    "center": '<w:jc w:val="center"/>',
    "left": '<w:jc w:val="left"/>',
    "number": '<w:jc w:val="right"/>',
    "marked": '<w:jc w:val="center"/>',
}
HEAD, MARK = "F2F2F2", "FCE4D6"
TWIPS_PER_MM = 1440 / 25.4
BORDER = "".join(
    f'<w:{side} w:val="single" w:sz="4" w:space="0" w:color="000000"/>'
    for side in ("top", "left", "bottom", "right", "insideH", "insideV")
)


def write(form: Form, stream: BinaryIO, made: datetime | None = None) -> None:
    """Write a form.

    Args:
        form: The form.
        stream: Where it is written.
        made: When, as the document says.
    """
    title = next(part.text for part in form.parts if isinstance(part, Line))
    page = _page(form.is_wide, title, made)
    with zipfile.ZipFile(stream, "w") as package:
        for name, content in page.items():
            part = zipfile.ZipInfo(name)
            part.compress_type = zipfile.ZIP_DEFLATED
            if name == BODY:
                # The section, which is the page, stands last in the body.
                before, section, after = content.decode().partition("<w:sectPr")
                content = "".join((before, *_parts(form), section, after)).encode()
            package.writestr(part, content)


@cache
def _page(is_wide: bool, title: str, made: datetime | None) -> dict[str, bytes]:
    """The files of an empty document with the page, the styles and the footer of a form."""
    document: Any = docx.Document()
    section = document.sections[0]
    width, height = reversed(A4) if is_wide else A4
    section.orientation = WD_ORIENT.LANDSCAPE if is_wide else WD_ORIENT.PORTRAIT
    section.page_width, section.page_height = Mm(width), Mm(height)
    for side in ("left", "right"):
        setattr(section, f"{side}_margin", Mm(MARGINS[0]) if is_wide else Mm(26))
    for side in ("top", "bottom"):
        setattr(section, f"{side}_margin", Mm(MARGINS[1]) if is_wide else Mm(30))
    section.footer_distance = Mm(8)
    normal = document.styles["Normal"]
    _set_font(normal, "body")
    normal.paragraph_format.space_after = Pt(0)
    for name in ("title", "line", "strong", "note", "table"):
        style = document.styles.add_style(f"jixiao {name}", 1)
        style.base_style = normal
        style.font.bold = name in BOLD
        _set_font(style, name)
    document.styles["jixiao title"].paragraph_format.alignment = WD_ALIGN_PARAGRAPH.CENTER
    document.styles["jixiao title"].paragraph_format.space_after = Pt(6)
    for name in ("line", "strong", "note"):
        document.styles[f"jixiao {name}"].paragraph_format.space_before = Pt(3)
    normal.paragraph_format.line_spacing = 1.0 if is_wide else 1.5
    properties = document.core_properties
    properties.author, properties.comments, properties.title = "", "", title
    if made:
        properties.created = properties.modified = made
    footer = section.footer.paragraphs[0]
    footer.style = document.styles["jixiao note"]
    footer.alignment = WD_ALIGN_PARAGRAPH.CENTER
    for text, name in (("第 ", "PAGE"), (" 页 共 ", "NUMPAGES"), (" 页", "")):
        footer.add_run(text)
        if name:
            footer._p.append(
                parse_xml(
                    f'<w:fldSimple {nsdecls("w")} w:instr="{name}"><w:r><w:t>1</w:t></w:r>'
                    "</w:fldSimple>"
                )
            )
    _drop_what_is_not_used(document)
    stream = BytesIO()
    document.save(stream)
    with zipfile.ZipFile(stream) as package:
        return {name: package.read(name) for name in package.namelist()}


def _drop_what_is_not_used(document: Any) -> None:
    """Take out what the package's template has and no form uses: most of every file."""
    styles = document.styles.element
    used = {"Normal", "DefaultParagraphFont", "TableNormal", "NoList"}
    for style in list(styles):
        if style.tag == qn("w:latentStyles") or (
            style.tag == qn("w:style")
            and style.get(qn("w:styleId")) not in used
            and not style.get(qn("w:styleId")).startswith("jixiao")
        ):
            styles.remove(style)
    for relations in (document.part.package.rels, document.part.rels):
        for key, relation in list(relations.items()):
            if relation.reltype.rpartition("/")[2] in UNUSED:
                del relations[key]


def _set_font(style: Any, name: str) -> None:
    style.font.name, style.font.size = LATIN, Pt(SIZES[name])
    fonts = style.element.get_or_add_rPr().get_or_add_rFonts()
    for theme in ("asciiTheme", "hAnsiTheme", "eastAsiaTheme", "cstheme"):
        fonts.attrib.pop(qn(f"w:{theme}"), None)
    fonts.set(qn("w:eastAsia"), FONTS[name])
    language = style.element.rPr.find(qn("w:lang"))
    if language is None:
        language = parse_xml(f"<w:lang {nsdecls('w')}/>")
        style.element.rPr.append(language)
    language.set(qn("w:val"), "en-US")
    language.set(qn("w:eastAsia"), "zh-CN")


def _parts(form: Form) -> Iterator[str]:
    before: object = None
    for part in form.parts:
        if isinstance(part, Line):
            yield _line(part)
        else:
            # Without something between them two tables would be one.
            if isinstance(before, Table):
                yield _gap()
            yield _table(part)
        before = part
    # After a table a document needs a paragraph.
    if isinstance(before, Table):
        yield _gap()


def _gap() -> str:
    return (
        '<w:p><w:pPr><w:spacing w:before="0" w:after="0" w:line="20" w:lineRule="exact"/>'
        '<w:rPr><w:sz w:val="2"/></w:rPr></w:pPr></w:p>'
    )


def _line(line: Line) -> str:
    style = "" if line.style == "body" else f'<w:pStyle w:val="jixiao{line.style}"/>'
    # A line to write on keeps its height, a head stays with what it is of.
    kept = "<w:keepNext/>" if line.style == "strong" else ""
    return f"<w:p><w:pPr>{style}{kept}</w:pPr>{_runs(line.text)}</w:p>"


def _runs(text: str, more: str = "") -> str:
    """A text in runs, its line ends kept."""
    pieces = "<w:br/>".join(
        f'<w:t xml:space="preserve">{escape(piece)}</w:t>' for piece in printable(text).split("\n")
    )
    properties = f'<w:rPr><w:rFonts w:hint="eastAsia"/>{more}</w:rPr>'
    return f"<w:r>{properties}{pieces}</w:r>"


def _table(table: Table) -> str:
    widths = [round(width * TWIPS_PER_MM) for width in table.widths]
    columns = "".join(f'<w:gridCol w:w="{width}"/>' for width in widths)
    return (
        f'<w:tbl><w:tblPr><w:tblW w:w="{sum(widths)}" w:type="dxa"/><w:jc w:val="center"/>'
        f'<w:tblBorders>{BORDER}</w:tblBorders><w:tblLayout w:type="fixed"/>'
        '<w:tblCellMar><w:left w:w="57" w:type="dxa"/><w:right w:w="57" w:type="dxa"/>'
        f"</w:tblCellMar></w:tblPr><w:tblGrid>{columns}</w:tblGrid>"
        f"{''.join(_rows(table, widths))}</w:tbl>"
    )


def _rows(table: Table, widths: list[int]) -> Iterator[str]:
    open_cells: dict[int, Placed] = {}
    last = len(table.rows) - 1
    first_kept = len(table.rows) - table.kept
    for number, begun in enumerate(table.placed()):
        begins = {placed.column: placed for placed in begun}
        cells = []
        column = 0
        while column < len(widths):
            placed = begins.get(column) or open_cells[column]
            cells.append(_cell(placed, number, widths, is_kept=first_kept <= number < last))
            if placed.row + placed.cell.rows > number + 1:
                open_cells[column] = placed
            else:
                open_cells.pop(column, None)
            column += placed.cell.columns
        head = "<w:tblHeader/>" if number < table.heads else ""
        yield f"<w:tr><w:trPr><w:cantSplit/>{head}</w:trPr>{''.join(cells)}</w:tr>"


def _cell(placed: Placed, row: int, widths: list[int], *, is_kept: bool) -> str:
    """A cell, or in a further row the rest of one that takes several; kept with the next row."""
    cell = placed.cell
    width = sum(widths[placed.column : placed.column + cell.columns])
    span = f'<w:gridSpan w:val="{cell.columns}"/>' if cell.columns > 1 else ""
    is_first = row == placed.row
    merged = ""
    if cell.rows > 1:
        merged = '<w:vMerge w:val="restart"/>' if is_first else "<w:vMerge/>"
    fill = {"head": HEAD, "marked": MARK}.get(cell.style)
    shade = f'<w:shd w:val="clear" w:color="auto" w:fill="{fill}"/>' if fill else ""
    bold = "<w:b/>" if cell.style in ("head", "marked") else ""
    text = _runs(cell.text, bold) if is_first and cell.text else ""
    return (
        f'<w:tc><w:tcPr><w:tcW w:w="{width}" w:type="dxa"/>{span}{merged}{shade}'
        '<w:vAlign w:val="center"/></w:tcPr>'
        f'<w:p><w:pPr><w:pStyle w:val="jixiaotable"/>{"<w:keepNext/>" if is_kept else ""}'
        f"{CELL_XML[cell.style]}</w:pPr>{text}</w:p>"
        "</w:tc>"
    )
