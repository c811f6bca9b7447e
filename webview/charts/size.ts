/** A plot that stays as large as its box. */
import type uPlot from 'uplot';

/** Follows the box until it is disconnected; `plotOf` gives the plot that is in it now. */
export function followSize(box: HTMLElement, plotOf: () => uPlot | undefined): ResizeObserver {
  const observer = new ResizeObserver(() => {
    // A hidden box has no width, and a plot of none cannot be drawn.
    if (box.clientWidth > 0) plotOf()?.setSize({ width: box.clientWidth, height: box.clientHeight });
  });
  observer.observe(box);
  return observer;
}
