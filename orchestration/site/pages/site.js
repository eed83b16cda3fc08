// What the pages of the scorecard site do: labels in English, sorting, searching, plots. They say all
// that they have to say without it.
"use strict";
(() => {
  const all = (selector, within = document) => [...within.querySelectorAll(selector)];
  const english = {...window.LABELS, ...ENGLISH()};
  let isEnglish = false;
  // Where pages from disk may keep nothing, the switch holds for one page.
  const kept = { get: () => { try { return localStorage.getItem("jixiao-language"); } catch { return null; } },
                 set: value => { try { localStorage.setItem("jixiao-language", value); } catch { /* not kept */ } } };
  const told = text => !isEnglish ? text
    : english[text] ?? text.split(" · ").map(part => english[part] ?? part).join(" · ");

  // Text nodes as they were delivered, so that the switch goes back to them.
  const labels = all(".t, .cells td:first-child").map(element => element.placeholder !== undefined && element.placeholder !== ""
    ? { element, text: element.placeholder, set: text => { element.placeholder = text; } }
    : { element, text: element.textContent.trim(), set: text => { element.textContent = text; } });

  function speak(toEnglish) {
    isEnglish = toEnglish;
    for (const { element, text, set } of labels) {
      const now = told(text);
      set(now);
      if (now !== text) element.lang = "en"; else element.removeAttribute("lang");
    }
    button.textContent = isEnglish ? "中文" : "English";
    button.lang = isEnglish ? "zh-Hans" : "en";
    draw();
  }

  const button = document.createElement("button");
  button.id = "switch";
  button.type = "button";
  document.querySelector("header").prepend(button);
  button.addEventListener("click", () => { speak(!isEnglish); kept.set(isEnglish ? "en" : "zh"); });

  // Tables that sort by a column and show the rows that hold what is searched.
  const value = cell => {
    const text = cell?.querySelector("data")?.value ?? cell?.textContent.trim() ?? "";
    const number = Number(text.replace(/[,%+]/g, "").replace("−", "-"));
    return text === "" || text === "—" ? null : Number.isNaN(number) ? text : number;
  };
  const compare = (a, b) => typeof a === "number" && typeof b === "number" ? a - b
    : String(a).localeCompare(String(b), "zh-Hans");
  for (const table of all("table.sortable")) {
    const heads = all("thead th", table);
    heads.forEach((head, column) => head.querySelector("button")?.addEventListener("click", () => {
      const numbers = head.classList.contains("number");
      const was = head.getAttribute("aria-sort");
      const now = was === "none" ? (numbers ? "descending" : "ascending")
        : was === "ascending" ? "descending" : "ascending";
      heads.forEach(other => other.setAttribute("aria-sort", other === head ? now : "none"));
      const rows = all("tbody tr", table).map(row => [value(row.cells[column]), row]);
      const sign = now === "ascending" ? 1 : -1;
      // What has no value comes last, either way.
      rows.sort(([a], [b]) => a === null || b === null ? (a === null) - (b === null) : sign * compare(a, b));
      table.tBodies[0].append(...rows.map(([, row]) => row));
    }));
    const field = table.closest("section")?.querySelector(".filter input");
    if (!field) continue;
    field.closest(".filter").hidden = false;
    const named = all("tbody tr", table).map(row => [row, row.textContent.toLowerCase()]);
    field.addEventListener("input", () => {
      const wanted = field.value.trim().toLowerCase().split(/\s+/);
      for (const [row, text] of named) row.hidden = !wanted.every(word => text.includes(word));
    });
  }

  // A part that is linked to is shown.
  const reveal = () => {
    let id = location.hash.slice(1);
    try { id = decodeURIComponent(id); } catch { /* as it is */ }
    const part = id && document.getElementById(id);
    if (part instanceof HTMLDetailsElement) { part.open = true; part.scrollIntoView(); }
  };
  addEventListener("hashchange", reveal);
  addEventListener("beforeprint", () => all("main > section:not(#evidence) details:not(.matched)").forEach(part => { part.open = true; }));
  reveal();

  // Plots, from the numbers on the page.
  const ink = "#1b2530", accent = "#174a7c", pale = "#9db8d3", warm = "#c2701c";
  const font = getComputedStyle(document.body).fontFamily;
  const base = width => ({
    width, background: "white",
    config: { font, view: { stroke: null },
      axis: { labelColor: ink, titleColor: ink, gridColor: "#e3e8ee", titleFontWeight: "normal", labelFontSize: 12, titleFontSize: 12 },
      legend: { labelFontSize: 12, title: null, orient: "top" } },
  });
  const field = (name, type, title, more = {}) => ({ field: name, type, title: title && told(title), ...more });
  const percent = { format: ".0%" };
  // Where few departments are counted, an axis of whole numbers alone.
  const counts = bars => {
    const sums = new Map();
    bars.forEach(bar => sums.set(bar.from, (sums.get(bar.from) ?? 0) + bar.count));
    const most = Math.max(...sums.values());
    return most < 6 ? { values: [...Array(most + 1).keys()], format: "d" } : { format: ",d" };
  };
  const specs = {
    histogram: ({ bars, x, y, percents, marks }) => ({
      height: 190, width: bars.length === 1 ? 160 : "container",
      layer: [
        { data: { values: bars }, mark: { type: "bar", color: accent, binSpacing: 1, tooltip: true }, encoding: {
          x: field("from", "quantitative", x, { bin: { binned: true }, axis: percents ? percent : {} }), x2: { field: "to" },
          y: field("count", "quantitative", y, { axis: counts(bars) }),
          color: bars[0].group === undefined ? { value: accent }
            : field("group", "nominal", null, { sort: null, scale: { range: ["#1c6238", accent, pale, warm, "#9a1b1b"] } }) } },
        ...(marks.length ? [{ data: { values: marks.map(at => ({ at })) }, mark: { type: "rule", color: warm, strokeDash: [4, 3] },
          encoding: { x: { field: "at", type: "quantitative" } } }] : []),
      ] }),
    rates: values => ({
      height: values.length * 16,
      data: { values: values.map(row => ({ ...row, name: told(row.name) })) },
      mark: { type: "bar", color: accent, tooltip: true },
      encoding: {
        y: field("name", "nominal", null, { sort: null, axis: { labelLimit: 190, labelFontSize: 11 } }),
        x: field("rate", "quantitative", "得分率", { scale: { domain: [0, 1] }, axis: percent }),
        href: { field: "page" } } }),
    months: values => ({
      height: 210, data: { values: values.map(row => ({ ...row, series: told(row.series) })) },
      mark: { type: "line", point: { size: 45 }, strokeWidth: 2.5, tooltip: true },
      encoding: {
        x: field("month", "quantitative", "截至月份", { scale: { domain: [0, 12] }, axis: { values: [0, 3, 6, 9, 12] } }),
        y: field("value", "quantitative", "占全年预算", { axis: percent }),
        color: field("series", "nominal", null, { sort: null, scale: { range: [accent, warm] } }),
        strokeDash: field("series", "nominal", null, { sort: null, scale: { range: [[1, 0], [5, 4]] } }) } }),
    trend: values => ({
      height: 210, data: { values },
      layer: [
        { transform: [{ filter: "datum.alone" }], mark: { type: "line", color: accent, strokeWidth: 2.5 } },
        { mark: { type: "point", filled: true, size: 60, color: accent, tooltip: { content: "data" } } },
        { mark: { type: "text", dy: -12, fontSize: 12, color: ink }, encoding: { text: { field: "shown" } } },
      ],
      encoding: {
        x: field("year", "ordinal", "年度", { axis: { labelAngle: 0 } }),
        y: field("total", "quantitative", "总分", { scale: { zero: false, nice: true, padding: 18 } }) } }),
  };
  const figures = all("figure[data-plot]");
  const unable = "vegaEmbed" in window ? null : "no plots";
  function draw() {
    if (unable) return;
    for (const figure of figures) {
      figure.textContent = "";
      const place = figure.appendChild(document.createElement("div"));
      const spec = specs[figure.dataset.plot](JSON.parse(figure.dataset.values));
      vegaEmbed(place, { ...base("container"), autosize: { type: "fit-x", contains: "padding" }, ...spec },
        { actions: false, renderer: "svg", ast: false });
      place.style.width = "100%";
    }
  }
  speak(kept.get() === "en");

  function ENGLISH() {
    return {
      "计分卡": "Scorecards", "部门整体绩效评价计分卡": "Scorecards of departmental performance", "年度部门整体绩效评价": "performance of departments", "年度评价": "evaluation",
      "选择年度查看各单位、各指标的得分与依据。": "Choose a year for the scores of departments and indicators, and what they rest on.",
      "年度": "year", "单位": "departments", "最高分": "highest", "平均分": "mean", "最低分": "lowest", "等级": "grade", "严重": "critical",
      "警告": "warnings", "发布时间": "published", "版本": "version", "运行": "run", "数据规则检查结果": "Data Docs: what the data rules found",
      "各数取自 scores.duckdb 的 marts。": "All numbers are those of the marts in scores.duckdb.",
      "个单位因涉密不予公开：计入各项合计，不在名单中。": "departments are secret: in every total, in no list.",
      "排名": "Ranking", "各指标失分": "Points lost by indicator", "数据问题": "Findings", "与上次发布相比": "Changes since the last publication",
      "总分分布": "Totals", "各指标得分率": "Share of points earned", "得分率分布": "Share of points earned by departments", "查找单位": "find a department",
      "名称、编码、地区或等级": "name, code, place or grade",
      "名次为同市、同区、同一评分标准内已评分单位的名次，同分同名次。": "Ranks are among the scored departments of a city, district and rubric; equal totals share one.",
      "名次": "rank", "地区": "place", "总分": "total", "自评": "reported", "与自评相差": "difference", "状态": "status", "指标": "indicator",
      "类别": "level 1 · 2", "有得分的单位": "departments scored", "失分单位": "lost points", "失分合计": "points lost", "得分率": "share earned",
      "未得分单位": "without a score", "按规则查看全部数据问题": "All findings by rule", "规则": "rule", "级别": "severity", "违反记录": "records",
      "已豁免": "waived", "没有问题。": "Nothing was found.", "项目": "item", "原为": "was", "现为": "now", "原因": "why",
      "没有变化，或为首次发布。": "No change, or the first publication.", "发布于": "published", "区内名次": "rank in the district",
      "距": "to grade", "尚差分数": "", "自评总分": "reported total", "以下问题解决或获豁免之前不计分。": "No points until these are solved or waived.",
      "以下要点缺少数据，补齐之前没有总分与等级。": "These criteria lack data; until it is delivered there is no total and no grade.",
      "没有为该单位指定正式评分标准，不作评价。": "No official rubric is assigned to the department.", "无正式评分标准": "no official rubric",
      "指标得分": "Scores", "得分与满分": "score of points", "得分": "score", "满分": "points", "失分": "lost", "相差": "difference", "问题": "findings",
      "不适用": "not applicable", "对照评分标准": "Under the rubric", "失分与原因": "Points lost, and why", "怎样多得分": "What would earn more",
      "各要点再进一步需达到的数值与可多得分；按比例计分的以一个百分点或一个计数单位为一步，并列满分所需；同一指标的得分以其满分为限。": "What one step further gives, by criterion: in proportion a step is a percentage point, or one of what is counted, with what all points take; an indicator never earns more than its points.",
      "要点": "criterion", "现值": "value", "需达到": "to reach", "差距": "distance", "可多得分": "gain", "满分需达": "for all points", "由评审评定": "for the assessor to give", "至多": "at most", "可升至": "reaches", "个百分点": "points of percent",
      "预算执行进度": "Budget execution", "截至月份": "up to month", "支出进度": "progress", "序时进度": "calendar", "序时执行率": "execution rate",
      "未决算": "year not over", "未决算：年度未结束，以下为年中数据，非最终结果": "The year is not over: what follows is of its middle and not final",
      "绩效运行监控": "Mid-year monitoring", "监控截至月份": "monitored up to month", "监控对象": "monitored", "监控结果": "light", "进度": "progress", "说明": "why",
      "笔支付": "payments", "各监控对象的个数；逐项见各单位的页面。": "How many subjects have which light; each is on the page of its department.",
      "占全年预算": "share of the budget", "与自评报告核对": "Reconciliation with the printed report", "不一致": "different", "一致": "equal",
      "无法计算": "cannot be computed", "自评报告": "printed", "计算": "computed", "最可能的原因": "most likely why", "历年": "Over the years",
      "涉密，不予公开": "secret", "其他数据问题": "Other findings", "依据": "Evidence", "一票否决": "vetoed",
      "每个指标的要点、所用的单元格及其文件与行号；逐层计算见": "The criteria of each indicator, the cells that they rest on, and their file and row; worked step by step:",
      "各单位得分与评分标准": "all departments, and the standard", "单元格": "cell", "所报": "delivered", "用于要点": "used for",
      "文件:行": "file:row", "满分单位": "full marks", "不适用的单位": "not applicable", "评分标准": "Standard", "分": "points",
      "失分单位与原因": "Who lost points, and why", "没有单位失分。": "No department lost points.", "单位数": "departments",
    };
  }
})();
