/** Lists of rows of one height, of which only those in sight exist. */

export interface RowsShown {
  readonly first: number;
  /** Below `first` where there is none. */
  readonly last: number;
}

/**
 * The rows that can be seen in a scrolled element, counted from 0.
 *
 * @param height of a row, in pixels
 * @param margin rows beyond the edges, so that a scroll does not show blank
 */
export function rowsInSight(
  { scrollTop, clientHeight }: Pick<Element, 'scrollTop' | 'clientHeight'>,
  count: number,
  height: number,
  margin: number,
): RowsShown {
  return {
    first: Math.max(0, Math.floor(scrollTop / height) - margin),
    last: Math.min(count - 1, Math.ceil((scrollTop + clientHeight) / height) + margin),
  };
}

/**
 * Scrolls no further than it takes to see a row.
 *
 * @param index counted from 0
 * @param height of a row, in pixels
 * @param room for rows, below what stays above them, in pixels
 */
export function bringIntoSight(element: Element, index: number, height: number, room: number): void {
  const top = index * height;
  if (top < element.scrollTop) element.scrollTop = top;
  else if (top + height > element.scrollTop + room) element.scrollTop = top + height - room;
}
