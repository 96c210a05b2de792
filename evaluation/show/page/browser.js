// The image browser: whose boxes are drawn, from which score on, and which images are listed.
(() => {
  const element = document.getElementById("browser-data");
  if (!element) return;
  const data = JSON.parse(element.textContent);
  const { picture, shorten } = drawing(data);
  const byId = (id) => document.getElementById(id);
  const [FOUND, MISSED, RIGHT, WRONG, OTHER] = data.marks;
  const KIND_RIGHT = data.kinds.length, THUMBS = 12;
  const DASHES = ["5 3", "1.5 2.5"];
  const fields = Object.fromEntries(
    ["score", "kind", "label", "of", "name", "order"].map((id) => [id, byId(id)]));
  const switches = new Map(
    [...document.querySelectorAll("[data-layer]")].map((one) => [one.dataset.layer, one]));
  const on = (key) => switches.get(key).checked;
  const best = Math.min(...data.files.map((file) => file.score));
  let score = null; // null: each file's own best F1
  let confusion = null, found = [], first = 0, current = null;

  const uris = data.pictures.slice();
  for (const figure of document.querySelectorAll("[data-picture]")) {
    const image = figure.querySelector("image");
    if (image) uris[figure.dataset.picture] = image.getAttribute("href");
  }
  const limit = (file) => (score === null ? data.files[file].score : score);

  function rows(flat, width) {
    const made = [];
    for (let k = 0; k < flat.length; k += width) made.push(flat.slice(k, k + width));
    return made;
  }
  const objects = (image) => rows(image.objects, 5 + data.files.length);
  const boxes = (image, file) => rows(image.boxes[file], 8).filter((box) => box[5] >= limit(file));
  const isMissed = (object, file) => object[5 + file] !== null && object[5 + file] < limit(file);

  // A mistake is [kind, classes it is about].
  function mistakes(image, file) {
    const missed = objects(image).filter((one) => isMissed(one, file))
      .map((one) => [data.kinds.length - 1, [one[4]]]);
    const wrong = boxes(image, file).filter((box) => box[6] < KIND_RIGHT)
      .map((box) => [box[6], [box[4], box[7]]]);
    return missed.concat(wrong);
  }

  function matching(image, file) {
    const kind = fields.kind.value, label = fields.label.value;
    return mistakes(image, file).filter(([made, classes]) => {
      const name = data.kinds[made];
      const right = kind === name || kind === "" || kind === "any" ||
        (kind === "false" && name !== "missed");
      return right && (label === "" || classes.includes(Number(label)));
    }).length;
  }

  function holds(image) {
    const label = fields.label.value;
    if (label === "") return true;
    return objects(image).some((one) => one[4] === Number(label)) ||
      data.files.some((_, file) => boxes(image, file).some((box) => box[4] === Number(label)));
  }

  function search() {
    const files = data.files.map((_, k) => k)
      .filter((k) => !fields.of || fields.of.value === "" || Number(fields.of.value) === k);
    const text = fields.name.value.toLowerCase();
    let total = 0;
    found = [];
    for (const image of data.images) {
      if (!image.name.toLowerCase().includes(text)) continue;
      if (confusion && !image.confused[confusion.file].some(
        ([a, b]) => a === confusion.true && b === confusion.given)) continue;
      const counts = data.files.map((_, k) => matching(image, k));
      const count = files.reduce((sum, k) => sum + counts[k], 0);
      if (fields.kind.value === "" ? !holds(image) : count === 0) continue;
      total += count;
      found.push({ image, count, gain: counts.length > 1 ? counts[0] - counts[1] : 0 });
    }
    const orders = {
      worst: (a, b) => b.count - a.count,
      name: (a, b) => a.image.place - b.image.place,
      gain: (a, b) => b.gain - a.gain,
      loss: (a, b) => a.gain - b.gain,
    };
    found.sort(orders[fields.order.value]);
    const say = (n, one) => `${n.toLocaleString("en")} ${one}${n === 1 ? "" : "s"}`;
    byId("count").textContent =
      `${say(found.length, "image")} of ${data.images.length.toLocaleString("en")}, with ` +
      `${say(total, "mistake")}`;
    byId("confusion").hidden = !confusion;
    if (confusion) {
      byId("confusion").firstElementChild.textContent =
        `Only ${data.classes[confusion.true]} called ${data.classes[confusion.given]}`;
    }
    if (!found.some((one) => one.image === current)) current = found.length ? found[0].image : null;
    first = Math.floor(Math.max(place(), 0) / THUMBS) * THUMBS;
    draw();
  }

  const place = () => found.findIndex((one) => one.image === current);

  // What to draw and to say of an image, box by box.
  function marks(image) {
    const made = [];
    const name = (label) => data.classes[label] ?? "";
    const shown = data.files.map((_, k) => k).filter((k) => on(`file-${k}`));
    if (on("truth")) {
      for (const one of objects(image)) {
        const by = shown.filter((k) => isMissed(one, k)).map((k) => data.files[k].mark);
        const said = by.length ? `missed ${by.join(", ")}`.trim() : "";
        const asked = one.slice(5).some((until) => until !== null);
        made.push({ box: one, colour: said ? MISSED : FOUND, thick: said !== "",
          label: said ? `${name(one[4])} ${said}` : "", who: "truth", name: name(one[4]),
          score: "", verdict: said || (asked ? (shown.length ? "found" : "") : "not asked for") });
      }
    }
    shown.forEach((k) => {
      const who = `predictions ${data.files[k].mark}`.trim(), mark = data.files[k].mark;
      for (const box of boxes(image, k)) {
        const wrong = box[6] < KIND_RIGHT, kind = data.kinds[box[6]];
        const said = `${mark ? `${mark}: ` : ""}${name(box[4])} ${box[5].toFixed(2)}`;
        const colour = !wrong ? RIGHT : kind === "class" ? WRONG : OTHER;
        const was = kind === "class" ? `${name(box[7])} \u2192 ${said}` : `${said} ${kind}`;
        made.push({ box, colour, thick: wrong, dash: DASHES[k], label: wrong ? was : "", who,
          name: name(box[4]), score: box[5].toFixed(3),
          verdict: box[6] > KIND_RIGHT ? "not counted" : wrong ? kind : "right" });
      }
    });
    data.layers.forEach((layer, k) => {
      const input = switches.get(`other-${k}`);
      if (!input.checked) return;
      const who = layer.kind === "rater" ? `rater ${layer.name}` : `fused: ${layer.name}`;
      const short = layer.kind === "rater" ? `r${layer.name}` : "fused";
      for (const box of rows(image.others[k] ?? [], 6)) {
        const sure = layer.kind === "fused" ? box[5].toFixed(2) : "";
        made.push({ box, colour: input.dataset.colour, thick: false, dash: sure ? "9 3" : "",
          label: `${short}: ${name(box[4])} ${sure}`.trim(), who, name: name(box[4]), score: sure,
          verdict: "" });
      }
    });
    return made;
  }

  function words(image) {
    return data.files.map((file, k) => {
      const counts = data.kinds.map((kind, made) =>
        [mistakes(image, k).filter((one) => one[0] === made).length, kind]);
      const said = counts.filter(([n]) => n).map(([n, kind]) => `${n} ${kind}`).join(", ");
      return `${file.mark ? `${file.mark}: ` : ""}${said || "no mistake"}`;
    }).join("; ");
  }

  // "No box" of somebody who never looked means nothing.
  function elsewhere(image) {
    const names = data.layers.filter((layer, k) => on(`other-${k}`) && image.others[k] === undefined)
      .map((layer) => (layer.kind === "rater" ? `rater ${layer.name}` : `fused: ${layer.name}`));
    if (names.length > 8) return `; ${names.length} of those shown did not look at it`;
    return names.length ? `; not looked at by ${names.join(", ")}` : "";
  }

  function draw() {
    byId("score").value = score === null ? best : score;
    byId("score-shown").textContent = score !== null ? score.toFixed(3)
      : `${data.files.map((file) => file.score.toFixed(3)).join(" and ")} (best F1)`;
    const at = place();
    byId("picture").replaceChildren();
    byId("caption").replaceChildren();
    const body = document.querySelector(".viewer tbody");
    body.replaceChildren();
    if (current) {
      byId("picture").append(picture(current, uris[current.picture], marks(current), true));
      const name = document.createElement("b");
      name.textContent = current.name;
      const plain = uris[current.picture] ? "" : "; no picture on this page";
      byId("caption").append(name, ` ${at + 1} of ${found.length}: ${words(current)}${plain}${elsewhere(current)}`);
      for (const one of marks(current)) {
        const row = body.insertRow();
        for (const [k, text] of [one.who, one.name, one.score, one.verdict].entries()) {
          const cell = row.insertCell();
          cell.textContent = text;
          if (k < 2) cell.className = "name";
        }
      }
    } else byId("caption").textContent = "No image is like that; widen the choice.";
    byId("before").disabled = at <= 0;
    byId("after").disabled = at < 0 || at >= found.length - 1;
    byId("fewer").disabled = first === 0;
    byId("more").disabled = first + THUMBS >= found.length;
    byId("thumbs").replaceChildren(...found.slice(first, first + THUMBS).map((one) => {
      const item = document.createElement("li"), button = document.createElement("button");
      button.type = "button";
      button.append(picture(one.image, uris[one.image.picture], marks(one.image), false), shorten(one.image.name, 14));
      button.title = one.image.name;
      if (one.image === current) button.setAttribute("aria-current", "true");
      button.addEventListener("click", () => {
        current = one.image;
        draw();
        document.querySelector('#thumbs [aria-current="true"]').focus({ preventScroll: true });
      });
      item.append(button);
      return item;
    }));
  }

  function turn(step) {
    const at = place() + step;
    if (at < 0 || at >= found.length) return;
    current = found[at].image;
    first = Math.floor(at / THUMBS) * THUMBS;
    draw();
  }

  // Links of the tables say what they ask for.
  function ask(wanted) {
    fields.kind.value = wanted.kind ?? (wanted.label === undefined ? "" : "any");
    fields.label.value = wanted.label ?? "";
    fields.name.value = "";
    if (fields.of) fields.of.value = "";
    confusion = wanted.true === undefined ? null
      : { file: Number(wanted.file), true: Number(wanted.true), given: Number(wanted.given) };
    score = null;
    if (wanted.image !== undefined) {
      current = data.images.find((one) => one.place === Number(wanted.image)) ?? current;
    }
    search();
  }

  byId("browser").hidden = false;
  document.documentElement.classList.add("with-script");
  for (const one of switches.values()) one.addEventListener("change", draw);
  fields.score.addEventListener("input", () => { score = Number(fields.score.value); search(); });
  byId("best-f1").addEventListener("click", () => { score = null; search(); });
  for (const id of ["kind", "label", "of", "order"]) {
    if (fields[id]) fields[id].addEventListener("change", search);
  }
  fields.name.addEventListener("input", search);
  document.querySelector(".controls").addEventListener("submit", (event) => event.preventDefault());
  byId("confusion").lastElementChild.addEventListener("click", () => ask({}));
  byId("before").addEventListener("click", () => turn(-1));
  byId("after").addEventListener("click", () => turn(1));
  byId("fewer").addEventListener("click", () => { first -= THUMBS; draw(); });
  byId("more").addEventListener("click", () => { first += THUMBS; draw(); });
  byId("stage").tabIndex = 0;
  byId("stage").addEventListener("keydown", (event) => {
    if (event.key === "ArrowLeft") turn(-1);
    if (event.key === "ArrowRight") turn(1);
  });
  const all = byId("all-raters");
  if (all) {
    all.addEventListener("click", () => {
      const raters = data.layers.flatMap((layer, k) =>
        (layer.kind === "rater" ? [switches.get(`other-${k}`)] : []));
      const some = raters.some((one) => !one.checked);
      for (const one of raters) one.checked = some;
      draw();
    });
  }
  document.addEventListener("click", (event) => {
    const asked = event.target.closest('a[href="#images"]');
    if (asked && Object.keys(asked.dataset).length) ask(asked.dataset);
  });
  search();
})();
