"use strict";
// The page can be read without this script; it adds selecting, sorting and choosing.
(() => {
  const all = (query, from = document) => [...from.querySelectorAll(query)];
  const map = document.querySelector("#map");
  const boxes = all(".box", map);
  const told = document.querySelector("#told");
  let selected = null;

  function select(node) {
    selected = node === selected ? null : node;
    all(".selected").forEach((one) => one.classList.remove("selected"));
    all("[data-node]").forEach((one) => {
      const is = selected !== null && one.dataset.node === selected;
      one.classList.toggle("selected", is);
      if (one.getAttribute("role") === "option") one.setAttribute("aria-selected", String(is));
    });
    all("[data-ends]").forEach((way) => {
      way.classList.toggle("selected", way.dataset.ends.split(" ").includes(selected));
    });
    all("button.pick").forEach((button) => {
      button.setAttribute("aria-pressed", String(button.closest("tr").dataset.node === selected));
    });
    all(".details [data-facts]").forEach((facts) => { facts.hidden = facts.dataset.facts !== selected; });
    document.querySelector("#nothing").hidden = selected !== null;
    const facts = document.querySelector(`[data-facts="${CSS.escape(selected ?? "")}"]`);
    told.textContent = selected === null ? "nothing selected" : facts ? facts.innerText : selected;
    const box = boxes.find((one) => one.dataset.node === selected);
    if (box) { activate(box); reveal(box); }
  }

  // The network: one stop of the tab key, arrows within.
  function activate(box) {
    boxes.forEach((one) => one.classList.toggle("active", one === box));
    map.setAttribute("aria-activedescendant", box.id);
  }
  function reveal(box) {
    const frame = map.parentElement, place = box.getBoundingClientRect(), seen = frame.getBoundingClientRect();
    if (place.top < seen.top) frame.scrollTop += place.top - seen.top - 12;
    if (place.bottom > seen.bottom) frame.scrollTop += place.bottom - seen.bottom + 12;
    if (place.left < seen.left) frame.scrollLeft += place.left - seen.left - 12;
    if (place.right > seen.right) frame.scrollLeft += place.right - seen.right + 12;
  }
  map.addEventListener("keydown", (event) => {
    const at = Math.max(0, boxes.findIndex((one) => one.classList.contains("active")));
    const to = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: boxes.length - 1 }[event.key];
    if (to !== undefined && boxes[to]) { activate(boxes[to]); reveal(boxes[to]); }
    if (event.key === "Enter" || event.key === " ") select(boxes[at].dataset.node);
    if (to !== undefined || event.key === "Enter" || event.key === " ") event.preventDefault();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && selected !== null) select(selected);
  });
  document.addEventListener("click", (event) => {
    const found = event.target.closest("[data-node]");
    if (found && found.dataset.node && !event.target.closest("a, summary")) select(found.dataset.node);
  });

  // Tables: a heading's button sorts, numbers from the largest on first.
  all("th button").forEach((button) => button.addEventListener("click", () => {
    const heading = button.closest("th"), table = button.closest("table");
    const place = [...heading.parentElement.children].indexOf(heading);
    const number = heading.classList.contains("number");
    const before = heading.getAttribute("aria-sort");
    const falling = before === "none" ? number : before === "ascending";
    all("th[aria-sort]", table).forEach((one) => one.setAttribute("aria-sort", "none"));
    heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
    const value = (row) => row.children[place].dataset.value;
    const rows = all("tbody tr", table).sort((a, b) => number
      ? Number(value(a)) - Number(value(b)) : value(a).localeCompare(value(b), "en", { numeric: true }));
    table.tBodies[0].append(...(falling ? rows.reverse() : rows));
  }));

  // What is shown of several: radio buttons whose value is the id of what they show.
  const choose = (radio) => all(`input[name="${radio.name}"]`).forEach((one) => {
    document.getElementById(one.value).hidden = !one.checked;
  });
  all('input[type="radio"]').forEach((radio) => {
    radio.addEventListener("change", () => choose(radio));
    if (radio.checked) choose(radio);
  });

  const theme = document.querySelector("#theme");
  theme.addEventListener("click", () => {
    const dark = getComputedStyle(document.documentElement).colorScheme === "dark";
    document.documentElement.dataset.theme = dark ? "light" : "dark";
  });
  activate(boxes[0]);
  document.documentElement.dataset.ready = "";
})();
