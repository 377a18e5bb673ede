import type { Layout, Placed } from "./layout";

export interface View {
  x: number;
  y: number;
  zoom: number;
}

interface Size {
  width: number;
  height: number;
}

const MARGIN = 24;
const LEGIBLE = 0.5;
const READING = 0.8;

/** How much room a graph takes, from (0, 0) on. */
export function extentOf({ nodes }: Layout): Size {
  const most = (size: number, reached: number) => Math.max(size, reached);
  return {
    width: nodes.map(({ x, width }) => x + width).reduce(most, 1),
    height: nodes.map(({ y, height }) => y + height).reduce(most, 1),
  };
}

/** The whole graph where it can be read so; else its beginning. */
export function firstView(layout: Layout, pane: Size): View {
  const { width, height } = extentOf(layout);
  const fitting = Math.min(1, (pane.width - 2 * MARGIN) / width, (pane.height - 2 * MARGIN) / height);
  if (fitting >= LEGIBLE) {
    return { x: (pane.width - width * fitting) / 2, y: (pane.height - height * fitting) / 2, zoom: fitting };
  }
  const first = layout.nodes[0];
  const centre = first === undefined ? 0 : first.x + first.width / 2;
  return { x: pane.width / 2 - centre * READING, y: MARGIN - (first?.y ?? 0) * READING, zoom: READING };
}

/** The view in which the node can be read: the same where it can be already. */
export function viewOf(node: Placed, view: View, pane: Size): View {
  const zoom = view.zoom < LEGIBLE ? READING : view.zoom;
  const left = node.x * view.zoom + view.x;
  const top = node.y * view.zoom + view.y;
  // Of a box that is larger than the pane its head is enough.
  const right = left + Math.min(node.width, HEAD.width) * view.zoom;
  const bottom = top + Math.min(node.height, HEAD.height) * view.zoom;
  const inside = left >= 0 && top >= 0 && right <= pane.width && bottom <= pane.height;
  if (inside && zoom === view.zoom) return view;
  return {
    x: pane.width / 2 - (node.x + Math.min(node.width, pane.width / zoom) / 2) * zoom,
    y: pane.height / 3 - node.y * zoom,
    zoom,
  };
}

const HEAD = { width: 176, height: 58 };
