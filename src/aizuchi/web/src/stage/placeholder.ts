/** A face of two eyes and a mouth, to lay out the page with until the figures are here. */
import type { Figure, MakeFigure } from "../figure/figure";

const SVG = "http://www.w3.org/2000/svg";

export const makeFigure: MakeFigure = (_spec, cues) => {
  let frame = 0;
  const svg = document.createElementNS(SVG, "svg");
  const figure: Figure = {
    mount(host) {
      svg.setAttribute("viewBox", "0 0 200 240");
      const add = (name: string, attributes: Record<string, string>) => {
        const element = document.createElementNS(SVG, name);
        for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
        svg.append(element);
        return element;
      };
      add("path", { d: "M20 240c0-52 34-78 80-78s80 26 80 78z", fill: "#2f6f6a" });
      add("circle", { cx: "100", cy: "100", r: "66", fill: "#f3d9c4" });
      add("path", { d: "M34 98c0-44 28-70 66-70s66 26 66 70c-16-22-34-34-66-34s-50 12-66 34z", fill: "#33414a" });
      add("ellipse", { cx: "76", cy: "104", rx: "6", ry: "9", fill: "#263238" });
      add("ellipse", { cx: "124", cy: "104", rx: "6", ry: "9", fill: "#263238" });
      const mouth = add("ellipse", { cx: "100", cy: "138", rx: "13", ry: "3", fill: "#a8452f" });
      host.append(svg);
      const draw = () => {
        mouth.setAttribute("ry", String(2 + cues.level() * 14));
        frame = requestAnimationFrame(draw);
      };
      draw();
      return Promise.resolve();
    },
    state() {},
    emotion() {},
    gaze() {},
    dispose() {
      cancelAnimationFrame(frame);
      svg.remove();
    },
  };
  return Promise.resolve(figure);
};
