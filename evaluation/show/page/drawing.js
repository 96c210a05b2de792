// Images with boxes as SVG: frames, and labels that keep clear of each other.
const drawing = (data) => {
  function make(name, attributes, parent) {
    const one = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) one.setAttribute(key, value);
    parent.append(one);
    return one;
  }

  const shorten = (text, most) => {
    const signs = [...text];
    if (signs.length <= most) return text;
    return `${signs.slice(0, most >> 1).join("")}\u2026${signs.slice((most >> 1) + 1 - most).join("")}`;
  };

  // Labels take the first place beside their box that no other label has; those of mistakes else
  // one farther away, and a line; the others stand in the list alone.
  function label(svg, taken, one, width, height) {
    const text = shorten(one.label, 40), [x, y, w, h] = one.box;
    const letters = [...text].reduce((n, sign) => n + (sign.codePointAt(0) > 0x10ff ? 2 : 1), 0);
    const size = Math.min(Math.max(width, height) / 30, height / 5, width / (0.6 * letters + 0.8));
    const wide = (0.6 * letters + 0.6) * size, high = 1.25 * size;
    const places = [[x, y - high], [x, y + h], [x + w - wide, y - high], [x + w - wide, y + h],
      [x + w, y], [x - wide, y], [x, y]];
    const near = places.length;
    if (one.thick) {
      for (let row = 0; row < Math.floor(height / high); row += 1) places.push([x, row * high]);
    }
    const fitting = places.map(([a, b]) => [
      Math.min(Math.max(a, 0), width - wide), Math.min(Math.max(b, 0), height - high)]);
    const free = fitting.findIndex(([a, b]) => taken.every((t) =>
      a >= t[2] || a + wide <= t[0] || b >= t[3] || b + high <= t[1]));
    if (free < 0 && !one.thick) return;
    const [left, top] = fitting[Math.max(free, 0)];
    if (free >= near) {
      make("line", { x1: left + wide / 2, y1: top + high / 2, x2: x, y2: y, stroke: one.colour,
        "vector-effect": "non-scaling-stroke" }, svg);
    }
    taken.push([left, top, left + wide, top + high]);
    make("rect", { x: left, y: top, width: wide, height: high, fill: data.ground,
      "fill-opacity": data.cover, stroke: one.colour, "stroke-width": 0.08 * size }, svg);
    make("text", { x: left + 0.3 * size, y: top + 0.95 * size, "font-size": size,
      fill: data.letters, textLength: wide - 0.6 * size, lengthAdjust: "spacingAndGlyphs" },
    svg).textContent = text;
  }

  // An image with everything that ``drawn`` lists; small ones go without labels.
  function picture(image, uri, drawn, labelled) {
    const [width, height] = image.size;
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
    if (uri) make("image", { href: uri, width, height, preserveAspectRatio: "none" }, svg);
    for (const one of drawn) {
      const [x, y, w, h] = one.box;
      make("rect", { x, y, width: w, height: h, fill: "none", stroke: one.colour,
        "stroke-width": one.thick ? 2.4 : 1.2, "vector-effect": "non-scaling-stroke",
        ...(one.dash ? { "stroke-dasharray": one.dash } : {}) }, svg);
    }
    const taken = [];
    if (labelled) {
      for (const one of drawn) if (one.label) label(svg, taken, one, width, height);
      svg.setAttribute("role", "img");
      svg.setAttribute("aria-label",
        `${image.name}: ${drawn.length} boxes shown; their list is below`);
    } else svg.setAttribute("aria-hidden", "true");
    return svg;
  }

  return { picture, shorten };
};

