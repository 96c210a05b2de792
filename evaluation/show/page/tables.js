"use strict";
// Boxes that are too narrow for their table or figure say so; only they are a stop of the tab key.
(() => {
  const boxes = document.querySelectorAll(".scroll");
  function measure() {
    for (const box of boxes) {
      const wide = box.scrollWidth > box.clientWidth + 1;
      box.classList.toggle("wide", wide);
      box.tabIndex = wide ? 0 : -1;
    }
  }
  new ResizeObserver(measure).observe(document.body);
  measure();
})();

// Columns sort at a press of their header: numbers by size, names as people order them.
(() => {
  const value = (row, column) => {
    const text = row.cells[column].textContent.trim();
    const number = Number(text.replaceAll(",", "").replace(/%$/, ""));
    return { text, number: text === "" || Number.isNaN(number) ? null : number };
  };
  const byName = new Intl.Collator("en", { numeric: true }).compare;

  function sort(table, column, header) {
    const down = header.getAttribute("aria-sort") === "descending" ? 1 : -1;
    const body = table.tBodies[0];
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    const numbers = rows.some(([one]) => one.number !== null) && column > 0;
    // The first press shows the largest numbers, but names from A on.
    const sign = numbers || header.hasAttribute("aria-sort") ? down : 1;
    rows.sort(([a], [b]) => {
      if (!numbers) return sign * byName(a.text, b.text);
      if (a.number === null || b.number === null) return (a.number === null) - (b.number === null);
      return sign * (a.number - b.number);
    });
    for (const one of table.tHead.rows[0].cells) one.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", sign > 0 ? "ascending" : "descending");
    body.append(...rows.map(([, row]) => row));
  }

  for (const table of document.querySelectorAll("table")) {
    [...table.tHead.rows[0].cells].forEach((header, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...header.childNodes);
      header.append(button);
      button.addEventListener("click", () => sort(table, column, header));
    });
  }
})();
