import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";

/** The one place that knows the charts' library. Loaded when the first chart is shown. */

/** What a drawing takes of the theme that is shown. */
export interface Style {
  /** The colour of one of the tokens, as a canvas needs it. */
  colour: (token: string) => string;
  /** An axis in quiet colours. */
  axis: (more?: uPlot.Axis) => uPlot.Axis;
}

/** What is drawn: uPlot's options but for the size, made anew for each theme. */
export type Draw = (style: Style) => Omit<uPlot.Options, "width" | "height">;

/** Draw into an element that its caller gives a width. */
export function draw(parent: HTMLElement, make: Draw, data: uPlot.AlignedData, height: number): uPlot {
  return new uPlot({ ...make(styleOf(parent)), width: parent.clientWidth, height }, data, parent);
}

function styleOf(parent: HTMLElement): Style {
  const colour = (token: string) => {
    const probe = document.createElement("span");
    probe.style.color = `var(--${token})`;
    parent.append(probe);
    const { color } = getComputedStyle(probe);
    probe.remove();
    return color;
  };
  const line = { stroke: colour("line"), width: 1 };
  const axis = (more?: uPlot.Axis) => ({ stroke: colour("text-quiet"), grid: line, ticks: line, ...more });
  return { colour, axis };
}
