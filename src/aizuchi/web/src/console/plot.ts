/** The one place that knows uPlot; a chunk of its own. */
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

interface Lines {
  readonly numbers: readonly number[];
  readonly ink: string;
  readonly grid: string;
  readonly lines: readonly { readonly label: string; readonly colour: string; readonly values: readonly (number | null)[] }[];
}

/** Draws into `host`, follows its width, and returns what takes it away. */
export function plot(host: HTMLElement, height: number, what: Lines): () => void {
  const axis = { stroke: what.ink, grid: { stroke: what.grid, width: 1 }, ticks: { show: false } };
  const chart = new uPlot(
    {
      width: Math.max(200, host.clientWidth),
      height,
      legend: { show: true, live: false },
      cursor: { drag: { x: false, y: false } },
      scales: { x: { time: false }, y: { range: (_, __, max) => [0, Math.max(100, max * 1.1)] } },
      axes: [{ ...axis, size: 26, incrs: [1, 2, 5, 10, 20, 50] }, { ...axis, size: 56 }],
      series: [
        {},
        ...what.lines.map((line) => ({
          label: line.label,
          stroke: line.colour,
          width: 2,
          spanGaps: true,
          points: { size: 5, fill: line.colour },
        })),
      ],
    },
    [[...what.numbers], ...what.lines.map((line) => [...line.values])],
    host,
  );
  const watch = new ResizeObserver(() => chart.setSize({ width: Math.max(200, host.clientWidth), height }));
  watch.observe(host);
  return () => {
    watch.disconnect();
    chart.destroy();
  };
}
